const DAY_MS = 86_400_000;
/** Zones change their offset on the quarter of an hour: what was found holds until the next one. */
const OFFSET_HOLDS_MS = 900_000;
const MAX_STARTS = 1000;
/** The years that a calendar day can name with four digits. */
const MAX_MS = Date.UTC(9999, 0, 1);

/** Days and months as a named time zone counts them. A day is written `2026-11-23`, a month `2026-11`; times are milliseconds since 1970. */
export interface Calendar {
  readonly zone: string;
  dayOf(timeMs: number): string;
  /** The first moment of a day, whatever the clocks do in that night. */
  startOfDay(day: string): number;
  startOfMonth(month: string): number;
  /** How far the zone's clocks are ahead of UTC. */
  offsetMs(timeMs: number): number;
}

export const clampTime = (timeMs: number): number => Math.min(Math.max(Math.trunc(timeMs), 0), MAX_MS);
export const dayAfter = (day: string, days = 1): string => isoDay(Date.parse(day) + days * DAY_MS);
export const monthOf = (day: string): string => day.slice(0, 7);

export function monthAfter(month: string): string {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return isoDay(Date.UTC(year, number, 1)).slice(0, 7);
}

const isoDay = (timeMs: number): string => new Date(clampTime(timeMs)).toISOString().slice(0, 10);

function offsets(zone: string): (timeMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', era: 'short', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
  const compute = (timeMs: number): number => {
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(timeMs)) part[type] = Number(value);
    const local = Date.UTC(part['year'] ?? 0, (part['month'] ?? 1) - 1, part['day'] ?? 1, part['hour'] ?? 0, part['minute'] ?? 0, part['second'] ?? 0);
    return local - Math.floor(timeMs / 1000) * 1000;
  };
  let heldFor = -1;
  let held = 0;
  return (timeMs) => {
    const quarter = Math.floor(timeMs / OFFSET_HOLDS_MS);
    if (quarter !== heldFor) {
      held = compute(quarter * OFFSET_HOLDS_MS);
      heldFor = quarter;
    }
    return held;
  };
}

function makeCalendar(zone: string): Calendar {
  const offsetMs = offsets(zone);
  let lastDay = '';
  let lastQuarter = -1;
  const dayOf = (timeMs: number): string => {
    const time = clampTime(timeMs);
    const quarter = Math.floor(time / OFFSET_HOLDS_MS);
    if (quarter !== lastQuarter) {
      lastQuarter = quarter;
      lastDay = isoDay(time + offsetMs(time));
    }
    return lastDay;
  };
  const findStart = (day: string): number => {
    const likely = Date.parse(day) - offsetMs(Date.parse(day));
    if (dayOf(likely) === day && dayOf(likely - 1) < day) return likely;
    // No zone is further from UTC than this: the start lies between.
    let before = Date.parse(day) - 2 * DAY_MS;
    let from = Date.parse(day) + 2 * DAY_MS;
    while (from - before > 1) {
      const middle = Math.floor((before + from) / 2);
      if (dayOf(middle) >= day) from = middle;
      else before = middle;
    }
    return from;
  };
  const starts = new Map<string, number>();
  const startOfDay = (day: string): number => {
    const known = starts.get(day);
    if (known !== undefined) return known;
    if (starts.size >= MAX_STARTS) starts.clear();
    const start = findStart(day);
    starts.set(day, start);
    return start;
  };
  return { zone, dayOf, startOfDay, startOfMonth: (month) => startOfDay(`${month}-01`), offsetMs };
}

const calendars = new Map<string, Calendar>();
/** More zones than there are cannot be asked for; one that is spelled in many ways could. */
const MAX_CALENDARS = 1000;

/** How long the machine's zone is taken for what it was: to ask for it takes longer than all else that a reservation does. */
const ZONE_MS = 60_000;
let local: { readonly zone: string; readonly untilMs: number } | undefined;

/** The zone that this machine is set to; another one is noticed within a minute. */
export function localZone(): string {
  const nowMs = performance.now();
  if (local === undefined || nowMs >= local.untilMs) local = { zone: new Intl.DateTimeFormat().resolvedOptions().timeZone, untilMs: nowMs + ZONE_MS };
  return local.zone;
}

/** The calendar of an IANA time zone; undefined when there is no such zone. */
export function calendarOf(zone: string): Calendar | undefined {
  const known = calendars.get(zone);
  if (known !== undefined) return known;
  let made: Calendar;
  try {
    made = makeCalendar(zone);
  } catch {
    return undefined;
  }
  if (calendars.size < MAX_CALENDARS) calendars.set(zone, made);
  return made;
}
