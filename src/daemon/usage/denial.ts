import type { UpgradePrompt } from '../../gen/tollgate/v1/usage_service.ts';
import type { Tier } from '../access/caller.ts';
import { tiersAbove } from '../access/tier-grants.ts';
import type { UsageConfig } from '../config/usage-config.ts';
import { Failure, type QuotaViolation } from '../failure.ts';
import { clientLimits, windowTitle } from './client-limits.ts';
import type { Raise } from './fold.ts';
import type { UpperBound } from './ledger.ts';
import type { Period, Unit } from './quota-window.ts';
import { int64 } from './sums.ts';

/** A limit that does not allow a call. */
export interface Exceeded {
  readonly unit: Unit;
  readonly period: Period;
  readonly limit: bigint;
  readonly used: bigint;
  readonly reserved: bigint;
  /** What the call wants; undefined when nobody knows what it costs. */
  readonly wanted: bigint | undefined;
  readonly resetsAtMs: number;
}

export interface DenialParts {
  readonly config: UsageConfig;
  readonly client: string;
  readonly tier: Tier;
  readonly raise: Raise | undefined;
  readonly exceeded: readonly [Exceeded, ...(readonly Exceeded[])];
  readonly nowMs: number;
  readonly cheaperModels: readonly string[];
}

/** Money as people write it: exact to the cent upwards, and with as many digits as it needs below. */
function dollars(picoUsd: bigint): string {
  const whole = picoUsd / 10n ** 12n;
  const fraction = String(picoUsd % 10n ** 12n).padStart(12, '0').replace(/0+$/, '');
  return `$${whole}.${fraction.padEnd(2, '0')}`;
}

const amount = (unit: Unit, value: bigint): string => (unit === 'pico_usd' ? dollars(value) : String(value));

function describe({ unit, period, limit, used, reserved, wanted, resetsAtMs }: Exceeded): string {
  const held = reserved === 0n ? '' : ` and ${amount(unit, reserved)} held by running calls`;
  const wants = wanted === undefined ? 'the price of this call is not known' : unit === 'requests' ? '' : `this call may come to ${amount(unit, wanted)}`;
  return `${windowTitle(unit, period)}: ${amount(unit, used)} of ${amount(unit, limit)} used${held}${wants === '' ? '' : `; ${wants}`}; begins anew ${new Date(resetsAtMs).toISOString().replace('.000Z', 'Z')}`;
}

/** The lowest tier above whose limits leave room for this call; "" when none does. */
export function tierThatWouldAllow(config: UsageConfig, client: string, tier: Tier, raise: Raise | undefined, exceeded: readonly Exceeded[], nowMs: number): string {
  const allows = (each: Tier): boolean => {
    const { limits, shadow } = clientLimits(config, client, each, raise, nowMs);
    return shadow || exceeded.every(({ unit, period, used, reserved, wanted }) => {
      const most = limits.find((limit) => limit.unit === unit && limit.period === period)?.most;
      return most === undefined || (wanted !== undefined && used + reserved + wanted <= most);
    });
  };
  return tiersAbove(tier).find(allows) ?? '';
}

/** What would allow a call that meets this limit. */
export function upgradePrompt({ config, client, tier, raise, exceeded, nowMs, cheaperModels }: DenialParts): UpgradePrompt {
  const [{ unit, limit, used, resetsAtMs }] = exceeded;
  return {
    kind: unit === 'pico_usd' ? 'cost_limit' : 'quota_exceeded',
    tier,
    limit: int64(limit),
    used: int64(used),
    resetsAt: new Date(resetsAtMs),
    tierThatWouldAllow: tierThatWouldAllow(config, client, tier, raise, exceeded, nowMs),
    url: config.upgradeUrl,
    cheaperModels: [...cheaperModels],
  };
}

/** Running calls give back what they do not use. */
const RUNNING_MS = 2000;

const waitMs = ({ wanted, used, limit, resetsAtMs }: Exceeded, nowMs: number): number => {
  const left = Math.max(0, resetsAtMs - nowMs);
  return wanted !== undefined && used + wanted <= limit ? Math.min(left, RUNNING_MS) : left;
};

/** Why a call is not let through: QUOTA_EXCEEDED, or BUDGET_EXCEEDED when only money is short. */
export function denial(parts: DenialParts): Failure {
  const { client, tier, exceeded, nowMs } = parts;
  // What waiting cannot solve stands before what it can, and a count before money.
  const isHopeless = ({ wanted, limit }: Exceeded): boolean => wanted === undefined || wanted > limit;
  const [first, ...others] = exceeded.toSorted((one, other) => Number(one.unit === 'pico_usd') - Number(other.unit === 'pico_usd') || Number(isHopeless(other)) - Number(isHopeless(one)) || other.resetsAtMs - one.resetsAtMs);
  if (first === undefined) throw new Error('a denial without a limit');
  const upgrade = upgradePrompt({ ...parts, exceeded: [first, ...others] });
  const quota = [first, ...others].map((each): QuotaViolation => ({ subject: `client:${client}`, description: describe(each), unit: each.unit, name: windowTitle(each.unit, each.period), limit: int64(each.limit) }));
  return new Failure(first.unit === 'pico_usd' ? 'BUDGET_EXCEEDED' : 'QUOTA_EXCEEDED', `"${client}" may not use more in the tier "${tier}": ${describe(first)}`, {
    metadata: { client, tier, window: windowTitle(first.unit, first.period), tier_that_would_allow: upgrade.tierThatWouldAllow },
    retryAfterMs: exceeded.some(isHopeless) ? undefined : Math.max(...exceeded.map((each) => waitMs(each, nowMs))),
    quota,
    upgrade,
  });
}

/** What a call wants of a counter; undefined when nobody knows. */
export const wantedOf = (unit: Unit, bound: UpperBound): bigint | undefined => (unit === 'requests' ? 1n : unit === 'tokens' ? bound.tokens : bound.picoUsd);
