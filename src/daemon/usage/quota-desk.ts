import type { QuotaWindow } from '../../gen/tollgate/v1/usage_service.ts';
import type { Tier } from '../access/caller.ts';
import type { UsageConfig } from '../config/usage-config.ts';
import type { Logger } from '../logger.ts';
import { calendarOf, localZone, type Calendar } from './calendar.ts';
import { clientLimits, windowTitle, type Limit } from './client-limits.ts';
import { denial, upgradePrompt, wantedOf, type Exceeded } from './denial.ts';
import type { LedgerState } from './fold.ts';
import type { WindowHold } from './journal-record.ts';
import type { Budget, ReserveRequest, UpperBound } from './ledger.ts';
import { counterName, spanAt, spanNamed, type Span } from './quota-window.ts';
import { int64 } from './sums.ts';
import type { ClientQuota } from './usage-book.ts';

/** What a call holds until the journal has its reservation. */
export interface Held {
  readonly windows: readonly WindowHold[];
  readonly budget: Budget;
  /** The journal has it, and the fold counts it; or it never will. */
  readonly done: () => void;
}

/** Checks limits against the counters. */
export interface QuotaDesk {
  /** Checks every window and holds in all of them, with nothing in between. Throws QUOTA_EXCEEDED or BUDGET_EXCEEDED. */
  hold(request: ReserveRequest, nowMs: number): Held;
  quota(client: string, tier: Tier, nowMs: number): ClientQuota;
  /** The highest limit under which anything was held in a window since the start, by window; whoever checks forgets those that are over. */
  readonly ceilings: Map<string, bigint>;
}

export interface QuotaDeskParts {
  readonly state: LedgerState;
  readonly config: () => UsageConfig;
  readonly log: Logger;
  /** Models that a client of the tier may ask instead, and that cost less than this one, as `provider/model`. */
  readonly cheaperModels: (model: string, tier: Tier) => readonly string[];
}

interface Window extends Limit {
  readonly id: string;
  readonly counter: string;
  readonly span: Span;
}

/** More than anything comes to. */
const NO_LIMIT = 2n ** 127n;

const utc = calendarOf('UTC');

function calendarFor(zone: string | undefined): Calendar {
  const calendar = calendarOf(zone ?? localZone()) ?? utc;
  if (calendar === undefined) throw new Error('this build of Node knows no time zones');
  return calendar;
}

export function quotaDesk({ state, config, log, cheaperModels }: QuotaDeskParts): QuotaDesk {
  /** Held by calls whose reservation is on its way to the disk, by window. */
  const coming = new Map<string, bigint>();
  const latestComing = new Map<string, string>();
  const ceilings = new Map<string, bigint>();

  const countsOf = (id: string) => {
    const count = state.windows.counts.get(id);
    return { used: count?.settled ?? 0n, reserved: (count?.reserved ?? 0n) + (coming.get(id) ?? 0n) };
  };

  const windowOf = (client: string, limit: Limit, calendar: Calendar, nowMs: number): Window => {
    const { unit, period } = limit;
    const counter = counterName(client, unit, period);
    const folded = state.windows.latest.get(counter) ?? '';
    const latest = [folded, latestComing.get(counter) ?? ''].toSorted().at(-1) ?? '';
    const now = spanAt(period, calendar, latest === '' ? Math.max(nowMs, state.windows.floorMs[period]) : nowMs);
    const span = now.name < latest ? spanNamed(period, latest, calendar) : now;
    return { ...limit, counter, span, id: `${counter}/${span.name}` };
  };

  const windowsOf = (client: string, tier: Tier, nowMs: number) => {
    const { limits, timeZone, shadow } = clientLimits(config(), client, tier, state.raises.get(client), nowMs);
    const calendar = limits.length === 0 ? undefined : calendarFor(timeZone);
    return { shadow, windows: calendar === undefined ? [] : limits.map((limit) => windowOf(client, limit, calendar, nowMs)) };
  };

  const exceededOf = ({ id, unit, period, most, span }: Window, bound: UpperBound): readonly Exceeded[] => {
    if (most === undefined) return [];
    const wanted = wantedOf(unit, bound);
    const { used, reserved } = countsOf(id);
    const fits = wanted === undefined ? config().unknownPrice === 'allow' && used + reserved < most : used + reserved + wanted <= most;
    return fits ? [] : [{ unit, period, limit: most, used, reserved, wanted, resetsAtMs: span.endMs }];
  };

  const refuse = ({ client, tier, model, bound }: ReserveRequest, windows: readonly Window[], shadow: boolean, nowMs: number): void => {
    const [first, ...more] = windows.flatMap((window) => exceededOf(window, bound));
    if (first === undefined) return;
    const parts = { config: config(), client, tier, raise: state.raises.get(client), exceeded: [first, ...more] as const, nowMs };
    const failure = denial({ ...parts, cheaperModels: [first, ...more].some(({ unit }) => unit === 'pico_usd') ? cheaperModels(model, tier) : [] });
    if (!shadow) throw failure;
    log.warn({ client, tier, reason: failure.reason, window: failure.metadata['window'] }, 'a limit in shadow mode was met; the call goes on');
  };

  /** The most that the call may cost now: what it holds, and what nobody else holds. */
  const budgetOf = (windows: readonly Window[], holds: ReadonlyMap<string, bigint>): Budget => {
    const limited = windows.flatMap(({ id, unit, most }) => (unit === 'pico_usd' && most !== undefined ? [{ id, most }] : []));
    return {
      get maxPicoUsd() {
        let least: bigint | undefined;
        for (const { id, most } of limited) {
          const { used, reserved } = countsOf(id);
          const left = most - used - reserved + (holds.get(id) ?? 0n);
          if (least === undefined || left < least) least = left < 0n ? 0n : left;
        }
        return least;
      },
    };
  };

  return {
    ceilings,
    hold(request, nowMs) {
      const { client, tier, bound } = request;
      const { windows, shadow } = windowsOf(client, tier, nowMs);
      refuse(request, windows, shadow, nowMs);
      const holds = new Map(windows.map(({ id, unit }) => [id, wantedOf(unit, bound) ?? 0n]));
      for (const { id, counter, span, most } of windows) {
        const ceiling = shadow ? NO_LIMIT : (most ?? NO_LIMIT);
        if ((ceilings.get(id) ?? 0n) < ceiling) ceilings.set(id, ceiling);
        coming.set(id, (coming.get(id) ?? 0n) + (holds.get(id) ?? 0n));
        latestComing.set(counter, span.name);
      }
      let isDone = false;
      return {
        windows: [...holds].map(([window, amount]) => ({ window, amount: String(amount) })),
        budget: shadow ? { maxPicoUsd: undefined } : budgetOf(windows, holds),
        done() {
          if (isDone) return;
          isDone = true;
          for (const { id, counter } of windows) {
            const left = (coming.get(id) ?? 0n) - (holds.get(id) ?? 0n);
            if (left > 0n) coming.set(id, left);
            else coming.delete(id);
            if ((latestComing.get(counter) ?? '') <= (state.windows.latest.get(counter) ?? '')) latestComing.delete(counter);
          }
        },
      };
    },

    quota(client, tier, nowMs) {
      const { windows } = windowsOf(client, tier, nowMs);
      const limited = windows.flatMap((window) => (window.most === undefined ? [] : [{ ...window, most: window.most, ...countsOf(window.id) }]));
      const [first, ...more] = limited
        .filter(({ used, reserved, most }) => used + reserved >= most)
        .map(({ unit, period, most, used, reserved, span }): Exceeded => ({ unit, period, limit: most, used, reserved, wanted: 1n, resetsAtMs: span.endMs }));
      return {
        tier,
        windows: limited.map(({ unit, period, most, used, reserved, span }): QuotaWindow => ({ name: windowTitle(unit, period), unit, limit: int64(most), used: int64(used), reserved: int64(reserved), resetsAt: new Date(span.endMs) })),
        upgrade: first === undefined ? undefined : upgradePrompt({ config: config(), client, tier, raise: state.raises.get(client), exceeded: [first, ...more], nowMs, cheaperModels: [] }),
      };
    },
  };
}
