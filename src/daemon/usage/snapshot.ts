import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openPrivateJson } from '../files/private-json.ts';
import type { Logger } from '../logger.ts';
import type { Calendar } from './calendar.ts';
import type { Clock } from './clock.ts';
import { emptyState, loadBase, type LedgerState } from './fold.ts';
import { isObject, textOf, type Json } from './generation-record.ts';
import type { JournalPosition } from './journal-record.ts';
import { readBase, writeBase } from './rollup.ts';
import { readDaySums, writeDaySums, type Day } from './usage-days.ts';

/** The snapshot's version. A newer one is refused; an older one is made anew from the journal. */
const VERSION = 1;
/** What is written, indented as it is, stays under 1 MB. */
const MAX_WRITTEN = 900_000;
/** Longer than any that we write: one that has grown is damaged, and no reason not to start. */
const MAX_READ = 64 * 1024 * 1024;
const WRITE_EVERY_MS = 10_000;

const checksumOf = (body: unknown): string => createHash('sha256').update(JSON.stringify(body)).digest('base64url');

const writePosition = (position: JournalPosition | undefined): string => (position === undefined ? '' : `${position.segment}:${position.offset}`);
function readPosition(written: unknown): JournalPosition | undefined {
  const [, segment, offset] = /^(\d+):(\d+)$/.exec(textOf(written)) ?? [];
  return segment === undefined || offset === undefined ? undefined : { segment: Number(segment), offset: Number(offset) };
}

/** An upper bound of how long a value is in the indented file. */
const weigh = (value: unknown): number => JSON.stringify(value, null, 2).length * 1.3;

interface WrittenDay {
  readonly last: string;
  readonly sums: Day['sums'];
  readonly place: Json;
  readonly entry: Json;
  readonly weight: number;
}

/** A day that is over does not change any more: it is made into text once, and not every 10 s. */
const writtenDays = new WeakMap<Day, WrittenDay>();

function writeDay(name: string, day: Day): WrittenDay {
  const last = writePosition(day.last);
  const known = writtenDays.get(day);
  // Whatever is counted on a day moves its end.
  if (known !== undefined && known.last === last && known.sums === day.sums) return known;
  const place = { day: name, first: writePosition(day.first), last };
  const entry = day.sums === undefined ? place : { ...place, ...writeDaySums(day.sums) };
  const written = { last, sums: day.sums, place, entry, weight: weigh(entry) };
  writtenDays.set(day, written);
  return written;
}

/** The state as it is written. undefined when it would be too long without a single day. */
export function writeState(state: LedgerState): Json | undefined {
  const { days, position, clears } = state;
  const base = writeBase(state);
  let weight = weigh(base);
  const written: Json[] = [];
  for (const name of [...days.days.keys()].sort().toReversed()) {
    const day = days.days.get(name);
    if (day === undefined) continue;
    const { place, entry, weight: whole } = writeDay(name, day);
    const fits = weight + whole <= MAX_WRITTEN;
    weight += fits ? whole : weigh(place);
    written.push(fits ? entry : place);
  }
  if (weight > MAX_WRITTEN) return undefined;
  return {
    position: writePosition(position),
    zone: days.calendar.zone,
    labels: days.labelNames,
    base,
    clears: clears.map(({ position: at, before }) => ({ position: writePosition(at), before })),
    floor: days.floor,
    older_last: writePosition(days.olderLast),
    days: written.toReversed(),
  };
}

/** The state that was written; undefined when it is for another time zone or other labels, and when it is none. */
export function readState(body: Json, calendar: Calendar, labelNames: readonly string[]): LedgerState | undefined {
  const position = readPosition(body['position']);
  const { base, days, clears } = body;
  if (body['zone'] !== calendar.zone || JSON.stringify(body['labels']) !== JSON.stringify(labelNames)) return undefined;
  if (position === undefined || !isObject(base) || !Array.isArray(days) || !Array.isArray(clears)) return undefined;
  const state = emptyState(calendar, labelNames);
  loadBase(state, readBase(base));
  state.position = position;
  state.days.floor = textOf(body['floor']);
  state.days.olderLast = readPosition(body['older_last']);
  state.clears = clears.filter(isObject).flatMap(({ position: at, before }) => {
    const where = readPosition(at);
    return where === undefined || typeof before !== 'number' ? [] : [{ position: where, before }];
  });
  for (const day of days.filter(isObject)) {
    const last = readPosition(day['last']);
    if (last !== undefined) state.days.days.set(textOf(day['day']), { first: readPosition(day['first']), last, sums: Array.isArray(day['rows']) ? readDaySums(day) : undefined });
  }
  return state;
}

export interface SnapshotOptions {
  readonly file: string;
  readonly calendar: Calendar;
  readonly labelNames: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Snapshot {
  /** What the file held; undefined when the journal has to be read from its beginning. */
  readonly initial: LedgerState | undefined;
  /** The state changed: writes it down soon, at most every 10 s. */
  changed(state: LedgerState): void;
  /** Writes it down now. */
  write(state: LedgerState): Promise<void>;
  /** Writes what changed since. */
  close(): Promise<void>;
}

/**
 * Opens the file that saves reading the journal from its beginning. One that is damaged is put aside. Throws a StartError for one of a
 * newer version.
 */
export async function openSnapshot({ file, calendar, labelNames, clock, log }: SnapshotOptions): Promise<Snapshot> {
  const parse = (json: unknown): { readonly state: LedgerState | undefined } | undefined => {
    if (!isObject(json) || typeof json['version'] !== 'number') return undefined;
    const { version, checksum, body } = json;
    if (version !== VERSION) return { state: undefined };
    if (!isObject(body) || checksumOf(body) !== checksum) return undefined;
    try {
      return { state: readState(body, calendar, labelNames) };
    } catch {
      return undefined;
    }
  };
  const onSetAside = (aside: string): void => log.warn({ aside }, 'the usage snapshot is damaged: it is put aside and made anew from the journal');
  const stored = await openPrivateJson(file, { parse, maxBytes: MAX_READ, onSetAside, version: VERSION });

  let timer: NodeJS.Timeout | undefined;
  let dirty: LedgerState | undefined;
  let writtenAtMs = Number.NEGATIVE_INFINITY;
  let wasTooLong = false;

  const writeNow = async (state: LedgerState): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    dirty = undefined;
    writtenAtMs = clock.monotonic();
    const body = writeState(state);
    if (body === undefined) {
      if (!wasTooLong) log.warn('there are too many clients for a usage snapshot under 1 MB: the next start reads the whole journal');
      wasTooLong = true;
      return;
    }
    try {
      // Each of these takes some milliseconds of the event loop: calls that run have theirs in between.
      await nextTurn();
      const checksum = checksumOf(body);
      await nextTurn();
      await stored.write(() => ({ version: VERSION, checksum, body }));
    } catch (error) {
      log.warn({ err: error }, 'cannot write the usage snapshot; the journal has it all');
    }
  };

  let writing = Promise.resolve();
  const write = (state: LedgerState): Promise<void> => (writing = Promise.all([writing, writeNow(state)]).then(() => {}));

  return {
    initial: stored.initial?.state,
    changed(state) {
      dirty = state;
      const wait = Math.max(0, writtenAtMs + WRITE_EVERY_MS - clock.monotonic());
      // In a turn of its own even when it is due: never between a call and its answer.
      timer ??= setTimeout(() => void (dirty !== undefined && write(dirty)), Math.max(wait, 100)).unref();
    },
    write,
    async close() {
      if (dirty !== undefined) await write(dirty);
      await writing;
    },
  };
}
