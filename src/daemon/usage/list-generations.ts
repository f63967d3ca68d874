import type { Generation, UsageFilter } from '../../gen/tollgate/v1/usage_service.ts';
import { invalidRequest } from '../failure.ts';
import { dayAfter } from './calendar.ts';
import type { Sources } from './gather.ts';
import { reachOf, readPast, type Placed } from './history.ts';
import type { JournalPosition } from './journal-record.ts';
import { settledMs, type RecentGenerations } from './recent-generations.ts';
import { selectionOf, selects, type Selection } from './selection.ts';
import type { GenerationPage, Who } from './usage-book.ts';
import { isBehind } from './usage-days.ts';

/** A place between two generations, the newest first. */
interface Cursor {
  readonly timeMs: number;
  readonly position: JournalPosition;
}

const cursorOf = ({ generation, position }: Placed): Cursor => ({ timeMs: settledMs(generation), position });
/** Of those settled in the same millisecond the one comes first that was written last. */
const isAfter = (one: Cursor, other: Cursor): boolean => one.timeMs < other.timeMs || (one.timeMs === other.timeMs && isBehind(other.position, one.position));
const newestFirst = (one: Placed, other: Placed): number => (isAfter(cursorOf(other), cursorOf(one)) ? -1 : 1);

const writeToken = ({ timeMs, position: { segment, offset } }: Cursor): string => Buffer.from(`${timeMs}:${segment}:${offset}`).toString('base64url');

function readToken(token: string): Cursor | undefined {
  if (token === '') return undefined;
  const [, timeMs, segment, offset] = /^(\d{1,15}):(\d{1,15}):(\d{1,15})$/.exec(Buffer.from(token, 'base64url').toString('latin1')) ?? [];
  if (timeMs !== undefined) return { timeMs: Number(timeMs), position: { segment: Number(segment), offset: Number(offset) } };
  throw invalidRequest([{ field: 'page_token', description: 'must be the next_page_token of the page before' }]);
}

interface Wanted {
  readonly selection: Selection;
  readonly startMs: number;
  readonly endMs: number;
}

const wantedOf = (filter: UsageFilter | undefined, who: Who): Wanted | undefined => {
  const selection = selectionOf(filter, who);
  return selection === undefined ? undefined : { selection, startMs: filter?.startTime?.getTime() ?? 0, endMs: filter?.endTime?.getTime() ?? Infinity };
};

const isInTime = ({ startMs, endMs }: Wanted, timeMs: number): boolean => timeMs >= startMs && timeMs < endMs;
const isWanted = (wanted: Wanted, generation: Generation): boolean => isInTime(wanted, settledMs(generation)) && selects(wanted.selection, generation);

/** The days that can hold something wanted, the oldest first. */
function daysBetween({ state }: Sources, startMs: number, endMs: number): readonly string[] {
  const { calendar, days } = state.days;
  return [...days.keys()].filter((day) => calendar.startOfDay(day) < endMs && calendar.startOfDay(dayAfter(day)) > startMs).sort();
}

const hasOlder = ({ state }: Sources, startMs: number): boolean => state.days.floor !== '' && startMs < state.days.calendar.startOfDay(state.days.floor);

/** The generations of one day, or of all that are older than any day that is known. */
async function* ofDay(sources: Sources, day: string | undefined, mayCount: (settledMs: number, id: string) => boolean): AsyncGenerator<Placed, void> {
  const { state, journal } = sources;
  const { calendar, floor } = state.days;
  const reach = reachOf(state, day === undefined ? [] : [day], day === undefined);
  if (reach === undefined) return;
  const isOfDay = (timeMs: number): boolean => (day === undefined ? calendar.dayOf(timeMs) < floor : calendar.dayOf(timeMs) === day);
  for await (const past of readPast(journal, state, reach, (timeMs, id) => mayCount(timeMs, id) && isOfDay(timeMs))) {
    if (past.generation !== undefined) yield past;
  }
}

/** One page, the newest first. Throws REQUEST_INVALID naming `page_token`. */
export async function listGenerations(sources: Sources, recent: RecentGenerations, filter: UsageFilter | undefined, { size, token }: GenerationPage, who: Who): Promise<{ readonly generations: readonly Generation[]; readonly nextPageToken: string }> {
  const cursor = readToken(token);
  const wanted = wantedOf(filter, who);
  if (wanted === undefined) return { generations: [], nextPageToken: '' };
  const { completeAfterMs } = recent;
  const isNext = (placed: Placed): boolean => isWanted(wanted, placed.generation) && (cursor === undefined || isAfter(cursorOf(placed), cursor));
  // One more than asked says whether there is another page.
  let page = recent.all().filter((each) => settledMs(each.generation) > completeAfterMs && isNext(each)).sort(newestFirst).slice(0, size + 1);

  const untilMs = Math.min(wanted.endMs, completeAfterMs + 1, cursor === undefined ? Infinity : cursor.timeMs + 1);
  const readFrom = async (day: string | undefined): Promise<void> => {
    let found: Placed[] = [];
    let leastMs = wanted.startMs;
    const mayBeNext = (timeMs: number): boolean => timeMs >= leastMs && timeMs < untilMs;
    for await (const placed of ofDay(sources, day, mayBeNext)) {
      if (!isNext(placed)) continue;
      found.push(placed);
      if (found.length <= 4 * (size + 1)) continue;
      found = found.sort(newestFirst).slice(0, size + 1);
      leastMs = Math.max(leastMs, settledMs(found.at(-1)?.generation ?? placed.generation));
    }
    page = [...page, ...found].sort(newestFirst).slice(0, size + 1);
  };

  for (const day of daysBetween(sources, wanted.startMs, untilMs).toReversed()) {
    if (page.length > size) break;
    await readFrom(day);
  }
  if (page.length <= size && hasOlder(sources, wanted.startMs)) await readFrom(undefined);
  const last = page[size - 1];
  return { generations: page.slice(0, size).map(({ generation }) => generation), nextPageToken: page.length > size && last !== undefined ? writeToken(cursorOf(last)) : '' };
}

/** One generation; undefined when there is none that may be seen. */
export async function findGeneration(sources: Sources, recent: RecentGenerations, id: string, who: Who): Promise<Generation | undefined> {
  const mayBeSeen = (generation: Generation): boolean => who === 'everybody' || generation.client === who.client;
  const known = recent.get(id);
  if (known !== undefined) return mayBeSeen(known) ? known : undefined;
  for (const day of [...daysBetween(sources, 0, Infinity).toReversed(), undefined]) {
    for await (const { generation } of ofDay(sources, day, (_timeMs, each) => each === id)) return mayBeSeen(generation) ? generation : undefined;
  }
  return undefined;
}

/** All of them, the oldest first. */
export async function* exportGenerations(sources: Sources, filter: UsageFilter | undefined, who: Who, signal: AbortSignal): AsyncGenerator<Generation, void> {
  const wanted = wantedOf(filter, who);
  if (wanted === undefined) return;
  if (hasOlder(sources, wanted.startMs)) {
    // As they stand in the journal: there may be more than memory holds.
    for await (const { generation } of ofDay(sources, undefined, (timeMs) => isInTime(wanted, timeMs))) {
      if (signal.aborted) return;
      if (isWanted(wanted, generation)) yield generation;
    }
  }
  for (const day of daysBetween(sources, wanted.startMs, wanted.endMs)) {
    const found: Placed[] = [];
    for await (const placed of ofDay(sources, day, (timeMs) => isInTime(wanted, timeMs))) {
      if (signal.aborted) return;
      if (isWanted(wanted, placed.generation)) found.push(placed);
    }
    for (const { generation } of found.sort((one, other) => newestFirst(other, one))) {
      if (signal.aborted) return;
      yield generation;
    }
  }
}
