import { Attempt_Outcome } from '../../gen/tollgate/v1/content.ts';
import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { dayAfter, type Calendar } from './calendar.ts';
import type { JournalPosition } from './journal-record.ts';
import { addGeneration, addSums, noSums, readSums, writeSums, type Sums } from './sums.ts';

/** The sums of one day. */
export interface DaySums {
  /** By `rowKey(client, provider, model)`. */
  readonly rows: Map<string, Sums>;
  /** By `rowKey(client, label, value)`, for the labels of the config; each generation once per label. */
  readonly labels: Map<string, Sums>;
}

/** What is known of a day without reading the journal. */
export interface Day {
  /** Its records stand behind this position; undefined is from the beginning. */
  first: JournalPosition | undefined;
  /** And up to this one. */
  last: JournalPosition;
  /** undefined when the journal has to be asked. */
  sums: DaySums | undefined;
}

export interface UsageDays {
  readonly calendar: Calendar;
  /** Which labels have sums of their own. */
  readonly labelNames: readonly string[];
  /** The values of each that have a sum of their own. */
  readonly labelValues: Map<string, Set<string>>;
  readonly days: Map<string, Day>;
  /** Nothing is known of the days before this one: their records stand anywhere up to `olderLast`. */
  floor: string;
  olderLast: JournalPosition | undefined;
}

/** The days that have sums. */
const MAX_SUMMED_DAYS = 62;
/** The days whose place in the journal is known. */
const MAX_DAYS = 400;
/** A day with more rows has no sums: they would be as long as the day itself. */
const MAX_ROWS_OF_DAY = 2000;
const MAX_ROWS = 6000;
export const MAX_LABEL_VALUES = 100;
/** The label value under which all that have no sum of their own stand. */
export const OTHER = 'other';

export const noDays = (calendar: Calendar, labelNames: readonly string[]): UsageDays => ({
  calendar,
  labelNames,
  labelValues: new Map(),
  days: new Map(),
  floor: '',
  olderLast: undefined,
});

export const rowKey = (...parts: readonly [string, string, string]): string => JSON.stringify(parts);
export function rowParts(key: string): readonly [string, string, string] {
  const parts: unknown = JSON.parse(key);
  const [one, two, three] = Array.isArray(parts) ? parts.map(String) : [];
  return [one ?? '', two ?? '', three ?? ''];
}

const sumsIn = (map: Map<string, Sums>, key: string): Sums => {
  let sums = map.get(key);
  if (sums === undefined) map.set(key, (sums = noSums()));
  return sums;
};

/** The value under which a label's sum stands; takes up a new one while there is room. */
function knownValue(values: Map<string, Set<string>>, name: string, value: string): string {
  let known = values.get(name);
  if (known === undefined) values.set(name, (known = new Set()));
  if (value === '' || known.has(value)) return value;
  if (known.size >= MAX_LABEL_VALUES) return OTHER;
  known.add(value);
  return value;
}

/** The label value that a query shows. */
export const shownValue = ({ labelNames, labelValues }: UsageDays, name: string, value: string): string => (value === '' || !labelNames.includes(name) || labelValues.get(name)?.has(value) === true ? value : OTHER);

export const noDaySums = (): DaySums => ({ rows: new Map(), labels: new Map() });

/** The model that was asked, by the provider's own id: the one that answered may carry a date. */
export const modelOf = ({ attempts, responseModel }: Generation): string => attempts.findLast(({ outcome, model }) => outcome !== Attempt_Outcome.SKIPPED && model !== '')?.model ?? responseModel;

export function addToDay(sums: DaySums, generation: Generation, { labelNames, labelValues }: Pick<UsageDays, 'labelNames' | 'labelValues'>): void {
  const { client, provider, labels } = generation;
  addGeneration(sumsIn(sums.rows, rowKey(client, provider, modelOf(generation))), generation);
  for (const name of labelNames) {
    const value = Object.hasOwn(labels, name) ? (labels[name] ?? '') : '';
    addGeneration(sumsIn(sums.labels, rowKey(client, name, knownValue(labelValues, name, value))), generation);
  }
}

export function mergeDay(sums: DaySums, more: DaySums): void {
  for (const part of ['rows', 'labels'] as const) for (const [key, each] of more[part]) addSums(sumsIn(sums[part], key), each);
}

const sizeOf = ({ sums }: Day): number => (sums === undefined ? 0 : sums.rows.size + sums.labels.size);

/** Keeps what is held in memory, and in the snapshot, within bounds. */
function bound(days: UsageDays): void {
  const names = [...days.days.keys()].sort();
  const summed = names.filter((name) => days.days.get(name)?.sums !== undefined);
  let rows = 0;
  for (const day of days.days.values()) rows += sizeOf(day);
  for (let at = 0; at < summed.length && (summed.length - at > MAX_SUMMED_DAYS || rows > MAX_ROWS); at++) {
    const day = days.days.get(summed[at] ?? '');
    if (day === undefined) continue;
    rows -= sizeOf(day);
    day.sums = undefined;
  }
  for (const name of names.slice(0, Math.max(0, names.length - MAX_DAYS))) {
    const day = days.days.get(name);
    if (day !== undefined && (days.olderLast === undefined || isBehind(day.last, days.olderLast))) days.olderLast = day.last;
    days.days.delete(name);
    days.floor = dayAfter(name);
  }
}

export const isBehind = (one: JournalPosition, other: JournalPosition): boolean => one.segment > other.segment || (one.segment === other.segment && one.offset > other.offset);

/** Counts something that stands at `position`, behind `before`, among a day's sums. */
export function countOnDay(days: UsageDays, name: string, before: JournalPosition | undefined, position: JournalPosition, add: (sums: DaySums) => void): void {
  if (name < days.floor) {
    days.olderLast = position;
    return;
  }
  let day = days.days.get(name);
  const isNew = day === undefined;
  if (day === undefined) days.days.set(name, (day = { first: before, last: position, sums: noDaySums() }));
  day.last = position;
  if (day.sums === undefined) return;
  const size = sizeOf(day);
  add(day.sums);
  if (sizeOf(day) > MAX_ROWS_OF_DAY) day.sums = undefined;
  else if (isNew || Math.floor(sizeOf(day) / 100) > Math.floor(size / 100)) bound(days);
}

/** Forgets what was settled before a time. The day that the time lies in has to be read from the journal from now on. */
export function clearDays(days: UsageDays, beforeMs: number, newestMs: number): void {
  if (newestMs < beforeMs) {
    days.days.clear();
    days.olderLast = undefined;
    return;
  }
  const border = days.calendar.dayOf(beforeMs);
  for (const name of [...days.days.keys()].filter((each) => each < border)) days.days.delete(name);
  const day = days.days.get(border);
  if (day !== undefined && days.calendar.startOfDay(border) < beforeMs) day.sums = undefined;
  if (days.floor <= border) days.olderLast = undefined;
}

const writeRows = (rows: ReadonlyMap<string, Sums>): readonly string[] => [...rows].map(([key, sums]) => JSON.stringify([...rowParts(key), ...writeSums(sums)]));

/** One line of text for each row: a file with a line for each number would be three times as long. */
export const writeDaySums = ({ rows, labels }: DaySums): Readonly<Record<string, unknown>> => ({ rows: writeRows(rows), labels: writeRows(labels) });

function readRows(written: unknown): Map<string, Sums> {
  const rows = new Map<string, Sums>();
  if (!Array.isArray(written)) return rows;
  for (const line of written) {
    const row: unknown = JSON.parse(String(line));
    if (!Array.isArray(row)) continue;
    const [one, two, three, ...sums] = row;
    rows.set(rowKey(String(one), String(two), String(three)), readSums(sums));
  }
  return rows;
}

export const readDaySums = (json: Readonly<Record<string, unknown>>): DaySums => ({ rows: readRows(json['rows']), labels: readRows(json['labels']) });
