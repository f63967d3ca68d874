import type { UsageRow } from '../../gen/tollgate/v1/usage_service.ts';
import { invalidRequest, type FieldViolation } from '../failure.ts';
import { calendarOf, clampTime, type Calendar } from './calendar.ts';
import { gather, type Facts, type Sources } from './gather.ts';
import { selectionOf } from './selection.ts';
import { noSums, rowOf, type Sums } from './sums.ts';
import type { UsageQuery, Who } from './usage-book.ts';

const MAX_ROWS = 10_000;
const MAX_GROUPS = 8;
const DEFAULT_SPAN_MS = 30 * 86_400_000;
const HOUR_MS = 3_600_000;

/** The calendar that a request names. Throws REQUEST_INVALID naming `time_zone`. */
export function askedCalendar(timeZone: string, own: Calendar): Calendar {
  const calendar = timeZone === '' ? own : calendarOf(timeZone);
  if (calendar === undefined) throw invalidRequest([{ field: 'time_zone', description: 'must be an IANA time zone, e.g. "Europe/Berlin"' }]);
  return calendar;
}

const LABEL = 'label:';
const GROUPS: readonly string[] = ['day', 'hour', 'provider', 'model', 'client'];

function checkGroups(groupBy: readonly string[]): void {
  const violations: FieldViolation[] = [];
  if (groupBy.length > MAX_GROUPS) violations.push({ field: 'group_by', description: `at most ${MAX_GROUPS} are allowed` });
  for (const [at, name] of groupBy.entries()) {
    const isKnown = GROUPS.includes(name) || (name.startsWith(LABEL) && name.length > LABEL.length);
    if (!isKnown) violations.push({ field: `group_by[${at}]`, description: `must be one of ${GROUPS.join(', ')}, label:<name>` });
  }
  if (violations.length > 0) throw invalidRequest(violations);
}

/** The hour's first moment, as the zone's clocks show it: `2026-11-23T10:00+01:00`. */
function hourName(calendar: Calendar, timeMs: number): string {
  const offset = calendar.offsetMs(timeMs);
  const local = Math.floor((timeMs + offset) / HOUR_MS) * HOUR_MS;
  const minutes = Math.round(Math.abs(offset) / 60_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${new Date(local).toISOString().slice(0, 16)}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function valueOf(name: string, facts: Facts, calendar: Calendar): string {
  if (name === 'day') return calendar.dayOf(facts.timeMs);
  if (name === 'hour') return hourName(calendar, facts.timeMs);
  if (name === 'provider') return facts.provider;
  if (name === 'model') return facts.model;
  if (name === 'client') return facts.client;
  return facts.label(name.slice(LABEL.length));
}

/** Sums by any groups. Throws REQUEST_INVALID. */
export async function queryUsage(sources: Sources, { startTime, endTime, groupBy, filter, timeZone }: UsageQuery, who: Who, nowMs: number): Promise<{ readonly rows: readonly UsageRow[]; readonly truncated: boolean }> {
  checkGroups(groupBy);
  const calendar = askedCalendar(timeZone, sources.state.days.calendar);
  const endMs = clampTime(endTime?.getTime() ?? nowMs + 1);
  const startMs = clampTime(startTime?.getTime() ?? endMs - DEFAULT_SPAN_MS);
  const selection = selectionOf(filter, who);
  const groups = new Map<string, { readonly values: readonly string[]; readonly sums: Sums }>();
  if (selection !== undefined && startMs < endMs) {
    const byTime = groupBy.includes('day') || groupBy.includes('hour');
    const byLabels = groupBy.flatMap((name) => (name.startsWith(LABEL) ? [name.slice(LABEL.length)] : []));
    const byModel = groupBy.includes('provider') || groupBy.includes('model');
    await gather(sources, { startMs, endMs, selection, calendar: byTime ? calendar : undefined, byHour: groupBy.includes('hour'), byLabels, byModel }, (facts, addTo) => {
      const values = groupBy.map((name) => valueOf(name, facts, calendar));
      const key = JSON.stringify(values);
      let group = groups.get(key);
      if (group === undefined) groups.set(key, (group = { values, sums: noSums() }));
      addTo(group.sums);
    });
  }
  if (groupBy.length === 0 && groups.size === 0) groups.set('', { values: [], sums: noSums() });
  const ordered = [...groups.values()].sort((one, other) => compareAll(one.values, other.values));
  const rows = ordered.slice(0, MAX_ROWS).map(({ values, sums }) => rowOf(Object.fromEntries(groupBy.map((name, at) => [name, values[at] ?? ''])), sums));
  return { rows, truncated: ordered.length > MAX_ROWS };
}

function compareAll(one: readonly string[], other: readonly string[]): number {
  for (const [at, value] of one.entries()) {
    const against = other[at] ?? '';
    if (value !== against) return value < against ? -1 : 1;
  }
  return 0;
}
