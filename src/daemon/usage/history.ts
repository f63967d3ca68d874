import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { dayAfter } from './calendar.ts';
import { isCleared, type LedgerState } from './fold.ts';
import { readGeneration } from './generation-record.ts';
import type { Journal, JournalPosition, JournalRecord } from './journal-record.ts';
import { readRollup, type RolledDay } from './rollup.ts';
import { isBehind } from './usage-days.ts';

/** What the journal tells of the past: generations, and of what is long gone the days. */
export type Past = (Placed & { readonly rolled?: undefined }) | { readonly generation?: undefined; readonly rolled: RolledDay };

/** A generation, and where the journal has it. */
export interface Placed {
  readonly generation: Generation;
  readonly position: JournalPosition;
}

export interface Reach {
  /** Reads what stands behind it; undefined is from the beginning. */
  readonly from: JournalPosition | undefined;
  /** And no further; undefined is to the end. */
  readonly to: JournalPosition | undefined;
}

/** An end that was written twice, because nobody knew whether the first was on the disk, follows soon. */
const REMEMBERED_IDS = 20_000;

/** When a record's generation was settled: what was taken in says it by itself. */
export function settledAt({ time, generation }: JournalRecord & { readonly type: 'SETTLE' | 'IMPORT' }): number {
  const stated = generation['settle_time'];
  return typeof stated === 'number' ? stated : time;
}

/** Whether something comes for the first time, as far as is remembered. */
function firstTime(): (id: string) => boolean {
  const seen = new Set<string>();
  return (id) => {
    if (seen.has(id)) return false;
    seen.add(id);
    const [oldest] = seen;
    if (seen.size > REMEMBERED_IDS && oldest !== undefined) seen.delete(oldest);
    return true;
  };
}

/** Reads the journal's past, in its order and without what was cleared. Of generations that `isWanted` does not want nothing is read but this. */
export async function* readPast(journal: Pick<Journal, 'replay'>, state: LedgerState, { from, to }: Reach, isWanted: (settledMs: number, id: string) => boolean = () => true): AsyncGenerator<Past, void> {
  const isFirst = firstTime();
  const { calendar } = state.days;
  for await (const { record, position } of journal.replay(from)) {
    if (record.type === 'ROLLUP') {
      for (const rolled of readRollup(record.state).days) {
        if (!isCleared(state, position, calendar.startOfDay(dayAfter(rolled.day)) - 1)) yield { rolled };
      }
      continue;
    }
    if (to !== undefined && isBehind(position, to)) return;
    if (record.type !== 'SETTLE' && record.type !== 'IMPORT') continue;
    const settledMs = settledAt(record);
    if (!isWanted(settledMs, record.id) || isCleared(state, position, settledMs) || !isFirst(record.id)) continue;
    yield { generation: readGeneration(record.id, record.time, record.generation), position };
  }
}

/** The stretch of the journal in which all of these days' records stand; undefined when there are none. */
export function reachOf(state: LedgerState, days: readonly string[], older: boolean): Reach | undefined {
  const places = days.flatMap((name) => state.days.days.get(name) ?? []);
  const { olderLast } = state.days;
  const withOlder = older && olderLast !== undefined;
  if (places.length === 0 && !withOlder) return undefined;
  let from = withOlder ? undefined : places[0]?.first;
  let to = withOlder ? olderLast : places[0]?.last;
  for (const { first, last } of places) {
    if (from !== undefined && (first === undefined || isBehind(from, first))) from = first;
    if (to === undefined || isBehind(last, to)) to = last;
  }
  return { from, to };
}
