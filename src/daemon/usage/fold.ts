import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { isTier, type Tier } from '../access/caller.ts';
import type { Calendar } from './calendar.ts';
import { amountOf, readGeneration, textOf, type Json } from './generation-record.ts';
import type { JournalPosition, JournalRecord, WindowHold } from './journal-record.ts';
import { addToDay, clearDays, countOnDay, isBehind, mergeDay, noDays, type UsageDays } from './usage-days.ts';
import { readRollup, type StateBase } from './rollup.ts';
import { forgetOld, hold, noWindows, release, type Charge, type WindowCounts } from './window-counts.ts';

/** A reservation without an end. */
export interface OpenReservation {
  readonly id: string;
  readonly time: number;
  readonly client: string;
  readonly tier: string;
  readonly windows: readonly WindowHold[];
  readonly request: Json;
  readonly attempts: { readonly provider: string; readonly model: string; readonly time: number }[];
  /** As far as the last checkpoint saw. */
  outputTokens: number;
}

/** A client's limits for a while, as the journal has them. */
export interface Raise {
  readonly until: number;
  readonly limits: Json;
}

/** What the journal adds up to. Changed by `apply` alone. */
export interface LedgerState {
  /** Everything up to here is in it; undefined is nothing. */
  position: JournalPosition | undefined;
  readonly open: Map<string, OpenReservation>;
  windows: WindowCounts;
  days: UsageDays;
  /** What stands before `position` and was settled before `before` is forgotten. */
  clears: readonly { readonly position: JournalPosition; readonly before: number }[];
  readonly raises: Map<string, Raise>;
  /** The tier with which each client called last. */
  readonly tiers: Map<string, Tier>;
  /** Generations that came to more than they had reserved. */
  overruns: number;
  /** The latest time at which anything was settled. */
  newestSettleMs: number;
  /** The latest time of a reservation. */
  newestReserveMs: number;
}

const MAX_TIERS = 2000;
const DAY_MS = 86_400_000;

export const emptyState = (calendar: Calendar, labelNames: readonly string[]): LedgerState => ({
  position: undefined,
  open: new Map(),
  windows: noWindows(),
  days: noDays(calendar, labelNames),
  clears: [],
  raises: new Map(),
  tiers: new Map(),
  overruns: 0,
  newestSettleMs: 0,
  newestReserveMs: 0,
});

const chargeOf = (generation: Json): Charge => {
  const charge: unknown = generation['charge'];
  const amounts = typeof charge === 'object' && charge !== null ? charge : {};
  return { requests: 1n, tokens: amountOf('tokens' in amounts ? amounts.tokens : undefined) ?? 0n, pico_usd: amountOf('pico_usd' in amounts ? amounts.pico_usd : undefined) ?? 0n };
};

function noteTier({ tiers }: LedgerState, client: string, tier: string): void {
  if (!isTier(tier)) return;
  tiers.delete(client);
  tiers.set(client, tier);
  const [oldest] = tiers.keys();
  if (tiers.size > MAX_TIERS && oldest !== undefined) tiers.delete(oldest);
}

function reserve(state: LedgerState, record: JournalRecord & { readonly type: 'RESERVE' }): void {
  const { id, time, client, tier, windows, request } = record;
  state.open.set(id, { id, time, client, tier, windows, request, attempts: [], outputTokens: 0 });
  hold(state.windows, windows);
  noteTier(state, client, tier);
  if (Math.floor(time / DAY_MS) > Math.floor(state.newestReserveMs / DAY_MS)) forgetOld(state.windows, time);
  state.newestReserveMs = Math.max(state.newestReserveMs, time);
}

function count(state: LedgerState, generation: Generation, position: JournalPosition): void {
  const settledMs = generation.settleTime?.getTime() ?? 0;
  state.newestSettleMs = Math.max(state.newestSettleMs, settledMs);
  countOnDay(state.days, state.days.calendar.dayOf(settledMs), state.position, position, (sums) => addToDay(sums, generation, state.days));
}

/** Ends a reservation, once: of a request whose end stands there twice the second is not looked at. */
function end(state: LedgerState, id: string, charge?: Charge): OpenReservation | undefined {
  const open = state.open.get(id);
  if (open === undefined) return undefined;
  state.open.delete(id);
  release(state.windows, open.windows, charge);
  return open;
}

function settle(state: LedgerState, { id, time, generation: json }: JournalRecord & { readonly type: 'SETTLE' }, position: JournalPosition, known: Generation | undefined): Generation | undefined {
  const charge = chargeOf(json);
  const open = end(state, id, charge);
  if (open === undefined) return undefined;
  const bound = { tokens: amountOf(open.request['bound_tokens']) ?? 0n, pico_usd: amountOf(open.request['bound_pico_usd']) };
  if (charge.tokens > bound.tokens || (bound.pico_usd !== undefined && charge.pico_usd > bound.pico_usd)) state.overruns++;
  const generation = known ?? readGeneration(id, time, json);
  count(state, generation, position);
  return generation;
}

function clear(state: LedgerState, before: number, position: JournalPosition): void {
  state.clears = [...state.clears.filter((earlier) => earlier.before > before), { position, before }];
  clearDays(state.days, before, state.newestSettleMs);
}

/** Whether something that was settled then, and stands there, was forgotten since. */
export const isCleared = ({ clears }: LedgerState, position: JournalPosition, settledMs: number): boolean => clears.some((each) => settledMs < each.before && isBehind(each.position, position));

/** Puts what is no sum of a day in the place of all that was there. */
export function loadBase(state: LedgerState, base: StateBase): void {
  state.open.clear();
  for (const reservation of base.open) state.open.set(reservation.id, reservation);
  state.windows = base.windows;
  state.days = noDays(state.days.calendar, state.days.labelNames);
  for (const [name, values] of base.labelValues) if (state.days.labelNames.includes(name)) state.days.labelValues.set(name, new Set(values));
  state.clears = [];
  state.raises.clear();
  for (const [client, raise] of base.raises) state.raises.set(client, raise);
  state.tiers.clear();
  for (const [client, tier] of base.tiers) noteTier(state, client, tier);
  state.overruns = base.overruns;
  state.newestSettleMs = base.newestSettleMs;
  state.newestReserveMs = base.newestReserveMs;
}

/** Stands for everything before it: what is known already is in it once more. */
function rollUp(state: LedgerState, json: Json, position: JournalPosition): void {
  const { base, days } = readRollup(json);
  loadBase(state, base);
  for (const { day, sums } of days) countOnDay(state.days, day, undefined, position, (held) => mergeDay(held, sums));
}

/**
 * Adds the next record to what came before it. Depends on nothing else: the same records make the same state. Returns the generation that
 * the record brought, if it brought one; `known` is the same, where whoever wrote it has it yet. Throws for a type that it does not know.
 */
export function apply(state: LedgerState, record: JournalRecord, position: JournalPosition, known?: Generation): Generation | undefined {
  const generation = applyRecord(state, record, position, known);
  state.position = position;
  return generation;
}

function applyRecord(state: LedgerState, record: JournalRecord, position: JournalPosition, known: Generation | undefined): Generation | undefined {
  switch (record.type) {
    case 'RESERVE':
      reserve(state, record);
      return undefined;
    case 'ATTEMPT':
      state.open.get(record.id)?.attempts.push({ provider: record.provider, model: record.model, time: record.time });
      return undefined;
    case 'CHECKPOINT': {
      const open = state.open.get(record.id);
      if (open !== undefined) open.outputTokens = Math.max(open.outputTokens, record.outputTokens);
      return undefined;
    }
    case 'SETTLE':
      return settle(state, record, position, known);
    case 'VOID':
    case 'EXPIRE':
      end(state, record.id);
      return undefined;
    case 'IMPORT': {
      const generation = readGeneration(record.id, record.time, record.generation);
      count(state, generation, position);
      return generation;
    }
    case 'CLEAR':
      clear(state, record.before, position);
      return undefined;
    case 'RAISE':
      state.raises.set(record.client, { until: record.until, limits: record.limits });
      return undefined;
    case 'ROLLUP':
      rollUp(state, record.state, position);
      return undefined;
    default:
      throw new Error(`the journal holds a record of a type that this version does not know: ${textOf((record satisfies never as Json)['type'])}`);
  }
}
