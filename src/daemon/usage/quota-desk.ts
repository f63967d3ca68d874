import type { QuotaWindow } from '../../gen/tollgate/v1/usage_service.ts';
import type { Tier } from '../access/caller.ts';
import type { UsageConfig } from '../config/usage-config.ts';
import type { Logger } from '../logger.ts';
import { calendarOf, localZone, type Calendar } from './calendar.ts';
import { clientLimits, windowTitle, type Limit } from './client-limits.ts';
import { denial, upgradePrompt, wantedOf, type Exceeded } from './denial.ts';
import type { Failure } from '../failure.ts';
import type { LedgerState } from './fold.ts';
import type { WindowHold } from './journal-record.ts';
import type { Budget, ReserveRequest, UpperBound } from './ledger.ts';
import { counterName, spanAt, spanNamed, type Span } from './quota-window.ts';
import { dearestOf } from './prices/upper-bound.ts';
import { int64 } from './sums.ts';
import type { ClientQuota } from './usage-book.ts';

/** What waiting solves first. */
const soonest = (refusals: readonly Failure[]): Failure | undefined =>
  refusals.toSorted((one, other) => (one.retryAfterMs ?? Number.POSITIVE_INFINITY) - (other.retryAfterMs ?? Number.POSITIVE_INFINITY) || 0)[0];

/** What a call holds until the journal has its reservation. */
export interface Held {
  readonly windows: readonly WindowHold[];
  /** The most that the candidates come to that are allowed. */
  readonly bound: UpperBound;
  readonly budget: Budget;
  /** Of each candidate, why it is not allowed. */
  readonly refusals: readonly (Failure | undefined)[];
  /** The journal has it, and the fold counts it; or it never will. */
  readonly done: () => void;
}

/** What a reservation would come to. */
export interface Foresight {
  /** Of each candidate, why it would not be allowed. */
  readonly refusals: readonly (Failure | undefined)[];
  /** The windows as they would then be; as they are when no candidate is allowed. */
  readonly windowsAfter: readonly QuotaWindow[];
}

export type QuotaQuestion = Pick<ReserveRequest, 'client' | 'tier' | 'model' | 'bound' | 'candidates'>;

/** Checks limits against the counters. */
export interface QuotaDesk {
  /** Checks every window and holds in all of them, with nothing in between. Throws QUOTA_EXCEEDED or BUDGET_EXCEEDED when no candidate is allowed. */
  hold(request: ReserveRequest, nowMs: number): Held;
  /** What `hold` would do. Holds nothing. */
  foresee(question: QuotaQuestion, nowMs: number): Foresight;
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

  const refusalOf = ({ client, tier, model }: QuotaQuestion, windows: readonly Window[], bound: UpperBound, nowMs: number): Failure | undefined => {
    const [first, ...more] = windows.flatMap((window) => exceededOf(window, bound));
    if (first === undefined) return undefined;
    const parts = { config: config(), client, tier, raise: state.raises.get(client), exceeded: [first, ...more] as const, nowMs };
    return denial({ ...parts, cheaperModels: [first, ...more].some(({ unit }) => unit === 'pico_usd') ? cheaperModels(model, tier) : [] });
  };

  /** Which candidates the windows allow, and what is to be held for them. `refusal` is what to say when they allow none; in shadow mode, when they would not allow one. */
  const weigh = (question: QuotaQuestion, { windows, shadow }: ReturnType<typeof windowsOf>, nowMs: number) => {
    const candidates = question.candidates ?? [question.bound];
    const refusals = candidates.map((bound) => refusalOf(question, windows, bound, nowMs));
    const allowed = candidates.filter((_bound, at) => shadow || refusals[at] === undefined);
    const refused = refusals.filter((refusal) => refusal !== undefined);
    const refusal = shadow || allowed.length === 0 ? soonest(refused) : undefined;
    return { refusal, bound: allowed.length === 0 ? question.bound : dearestOf(allowed), refusals: shadow ? candidates.map(() => undefined) : refusals };
  };

  const shown = ({ unit, period, most, id, span }: Window, more = 0n): QuotaWindow | undefined => {
    if (most === undefined) return undefined;
    const { used, reserved } = countsOf(id);
    return { name: windowTitle(unit, period), unit, limit: int64(most), used: int64(used), reserved: int64(reserved + more), resetsAt: new Date(span.endMs) };
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
      const { client, tier } = request;
      const limited = windowsOf(client, tier, nowMs);
      const { windows, shadow } = limited;
      const { refusal, bound, refusals } = weigh(request, limited, nowMs);
      if (refusal !== undefined && !shadow) throw refusal;
      if (refusal !== undefined) log.warn({ client, tier, reason: refusal.reason, window: refusal.metadata['window'] }, 'a limit in shadow mode was met; the call goes on');
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
        bound,
        refusals,
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

    foresee(question, nowMs) {
      const limited = windowsOf(question.client, question.tier, nowMs);
      const { refusal, bound, refusals } = weigh(question, limited, nowMs);
      const isHeld = limited.shadow || refusal === undefined;
      return { refusals, windowsAfter: limited.windows.flatMap((window) => shown(window, isHeld ? (wantedOf(window.unit, bound) ?? 0n) : 0n) ?? []) };
    },

    quota(client, tier, nowMs) {
      const { windows } = windowsOf(client, tier, nowMs);
      const limited = windows.flatMap((window) => (window.most === undefined ? [] : [{ ...window, most: window.most, ...countsOf(window.id) }]));
      const [first, ...more] = limited
        .filter(({ used, reserved, most }) => used + reserved >= most)
        .map(({ unit, period, most, used, reserved, span }): Exceeded => ({ unit, period, limit: most, used, reserved, wanted: 1n, resetsAtMs: span.endMs }));
      return {
        tier,
        windows: windows.flatMap((window) => shown(window) ?? []),
        upgrade: first === undefined ? undefined : upgradePrompt({ config: config(), client, tier, raise: state.raises.get(client), exceeded: [first, ...more], nowMs, cheaperModels: [] }),
      };
    },
  };
}
