import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import type { RetentionConfig } from '../config/usage-config.ts';
import { dayAfter } from './calendar.ts';
import { apply, emptyState, isCleared, type LedgerState } from './fold.ts';
import type { OpenJournal, SegmentInfo } from './journal/open-journal.ts';
import type { JournalPosition } from './journal-record.ts';
import { idMark } from './known-ids.ts';
import { readRollup, writeRollup } from './rollup.ts';
import { addToDay, isBehind, mergeDay, noDaySums, OTHER, rowKey, modelOf, type DaySums } from './usage-days.ts';

export type CompactedJournal = Pick<OpenJournal, 'replay' | 'segments' | 'compact' | 'seal'>;

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** More rows than that are one row for each client. */
const MAX_ROWS = 2000;

interface Rolled {
  readonly sums: DaySums;
  readonly ids: Set<string>;
}

/** Up to where the journal has to be compacted now; undefined when it has not. */
export function compactTo(segments: readonly SegmentInfo[], { rawDays, rawBytes }: RetentionConfig, nowMs: number): JournalPosition | undefined {
  // The last one is being written.
  const closed = segments.slice(0, -1);
  let left = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  let upTo: JournalPosition | undefined;
  for (const [at, { segment, end, bytes, records, newest }] of closed.entries()) {
    // A ROLLUP has nothing to give by itself, and its age says nothing.
    const isRollup = at === 0 && records <= 1;
    const isOld = newest === undefined || newest < nowMs - rawDays * DAY_MS;
    if (!isRollup && !isOld && left <= rawBytes) break;
    left -= bytes;
    if (!isRollup) upTo = { segment, offset: end };
  }
  return upTo;
}

/** A segment ends with the week, so that its age says something. */
export const weekOf = (timeMs: number): number => Math.floor(timeMs / WEEK_MS);

/** Keeps a day from growing without end: what is beyond counts for its client alone. */
function lump(generation: Generation, { rows }: DaySums): Generation {
  const key = rowKey(generation.client, generation.provider, modelOf(generation));
  return rows.size < MAX_ROWS || rows.has(key) ? generation : { ...generation, provider: OTHER, responseModel: OTHER, attempts: [] };
}

/** Sums up the journal to a position: what a ROLLUP in its place says. `state` knows what was cleared since. */
async function rollUp(journal: Pick<OpenJournal, 'replay'>, state: LedgerState, upTo: JournalPosition) {
  const { calendar, labelNames } = state.days;
  const past = emptyState(calendar, labelNames);
  const days = new Map<string, Rolled>();
  const dayOf = (name: string): Rolled => {
    let day = days.get(name);
    if (day === undefined) days.set(name, (day = { sums: noDaySums(), ids: new Set() }));
    return day;
  };
  for await (const { record, position } of journal.replay()) {
    if (isBehind(position, upTo)) break;
    const generation = apply(past, record, position);
    if (record.type === 'ROLLUP') {
      for (const { day, sums, ids } of readRollup(record.state).days) {
        if (isCleared(state, position, calendar.startOfDay(dayAfter(day)) - 1)) continue;
        const rolled = dayOf(day);
        mergeDay(rolled.sums, sums);
        for (const id of ids) rolled.ids.add(id);
      }
    }
    if (generation === undefined) continue;
    const settledMs = generation.settleTime?.getTime() ?? 0;
    if (isCleared(state, position, settledMs)) continue;
    const { sums, ids } = dayOf(calendar.dayOf(settledMs));
    addToDay(sums, lump(generation, sums), past.days);
    ids.add(idMark(generation.generationId));
  }
  const ordered = [...days].sort(([one], [other]) => (one < other ? -1 : 1));
  return writeRollup(past, ordered.map(([day, { sums, ids }]) => ({ day, sums, ids: [...ids] })));
}

/**
 * Puts a ROLLUP in the place of what is older than `rawDays`, or more than `rawBytes`. Returns up to where it did; undefined when nothing was
 * due. Throws JOURNAL_UNAVAILABLE.
 */
export async function compactJournal(journal: CompactedJournal, state: LedgerState, retention: RetentionConfig, nowMs: number): Promise<JournalPosition | undefined> {
  const upTo = compactTo(journal.segments, retention, nowMs);
  if (upTo === undefined) return undefined;
  await journal.compact(upTo, { type: 'ROLLUP', time: Math.trunc(nowMs), state: await rollUp(journal, state, upTo) });
  return upTo;
}
