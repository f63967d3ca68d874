import type { Tier } from '../access/caller.ts';
import type { LimitName, Limits, UsageConfig } from '../config/usage-config.ts';
import type { Raise } from './fold.ts';
import { amountOf } from './generation-record.ts';
import { PERIODS, UNITS, type Period, type Unit } from './quota-window.ts';

/** One limit of a client. */
export interface Limit {
  readonly unit: Unit;
  readonly period: Period;
  /** The most; undefined while a raise lifts it: it is counted all the same. */
  readonly most: bigint | undefined;
}

/** Everything that limits a client now. */
export interface ClientLimits {
  readonly limits: readonly Limit[];
  /** undefined is the machine's. */
  readonly timeZone: string | undefined;
  /** Whether going beyond is only told. */
  readonly shadow: boolean;
}

export const limitName = (unit: Unit, period: Period): LimitName => `${unit}/${period}`;

/** "requests per month" */
export const windowTitle = (unit: Unit, period: Period): string => `${unit === 'pico_usd' ? 'US dollars' : unit} per ${period}`;

const ALL = UNITS.flatMap((unit) => PERIODS.map((period) => ({ unit, period, name: limitName(unit, period) })));

function raisedLimits(config: UsageConfig, client: string, journalled: Raise | undefined, nowMs: number): Limits {
  const stated = Object.hasOwn(config.clients, client) ? config.clients[client]?.raise : undefined;
  const fromJournal = journalled === undefined || nowMs >= journalled.until ? [] : ALL.flatMap(({ name }) => (amountOf(journalled.limits[name]) === undefined ? [] : [[name, amountOf(journalled.limits[name])]]));
  return { ...Object.fromEntries(fromJournal), ...(stated === undefined || nowMs >= stated.untilMs ? {} : stated.limits) };
}

/** What limits a client of a tier at a moment: the tier's limits, the client's own in their place, and a raise while it lasts. */
export function clientLimits(config: UsageConfig, client: string, tier: Tier, raise: Raise | undefined, nowMs: number): ClientLimits {
  const ofTier = Object.hasOwn(config.tiers, tier) ? config.tiers[tier] : undefined;
  const own = Object.hasOwn(config.clients, client) ? config.clients[client] : undefined;
  if (ofTier === undefined && own === undefined) return { limits: [], timeZone: undefined, shadow: false };
  const raised = raisedLimits(config, client, raise, nowMs);
  const limits = ALL.flatMap(({ unit, period, name }): readonly Limit[] => {
    const usual = own?.limits[name] ?? ofTier?.limits[name] ?? -1n;
    if (usual < 0n) return [];
    const most = raised[name] ?? usual;
    return [{ unit, period, most: most < 0n ? undefined : most }];
  });
  return { limits, timeZone: ofTier?.timeZone, shadow: ofTier?.shadow ?? false };
}
