import { clampTime, dayAfter, monthAfter, monthOf, type Calendar } from './calendar.ts';

export const UNITS = ['requests', 'tokens', 'pico_usd'] as const;
/** What a quota counts. */
export type Unit = (typeof UNITS)[number];

export const PERIODS = ['minute', 'hour', 'day', 'month'] as const;
/** How long a quota's window is. */
export type Period = (typeof PERIODS)[number];

const PERIOD_MS = { minute: 60_000, hour: 3_600_000 } as const;

/** One window in time. Of two of the same period, the later one has the greater name. */
export interface Span {
  /** `2026-11`, `2026-11-23`, or the moment at which the minute or hour began: `2026-11-23T10:15Z`. */
  readonly name: string;
  readonly endMs: number;
}

/** The counter of a client's windows: `client/my-app/requests/month`. */
export const counterName = (client: string, unit: Unit, period: Period): string => `client/${client}/${unit}/${period}`;

export interface WindowName {
  readonly counter: string;
  readonly unit: Unit;
  readonly period: Period;
  readonly span: string;
}

function takeApart(id: string): WindowName | undefined {
  const [scope, client, unitText, periodText, span, ...more] = id.split('/');
  const unit = UNITS.find((each) => each === unitText);
  const period = PERIODS.find((each) => each === periodText);
  if (scope !== 'client' || client === undefined || unit === undefined || period === undefined || span === undefined || more.length > 0) return undefined;
  return { counter: counterName(client, unit, period), unit, period, span };
}

const taken = new Map<string, WindowName | undefined>();
const MAX_TAKEN = 10_000;

/** Takes a window's id apart; undefined for a text that is none. */
export function parseWindow(id: string): WindowName | undefined {
  const known = taken.get(id);
  if (known !== undefined) return known;
  const window = takeApart(id);
  // The same few come with every call, and a start reads many calls.
  if (taken.size >= MAX_TAKEN) taken.clear();
  taken.set(id, window);
  return window;
}

const moment = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 16)}Z`;

/** The window that a moment lies in. */
export function spanAt(period: Period, calendar: Calendar, timeMs: number): Span {
  const time = clampTime(timeMs);
  if (period === 'minute' || period === 'hour') {
    // As the zone's clocks show full hours, and named by UTC: the hour that a change of clocks repeats is two windows.
    const offset = calendar.offsetMs(time);
    const length = PERIOD_MS[period];
    const start = Math.floor((time + offset) / length) * length - offset;
    return { name: moment(start), endMs: start + length };
  }
  const day = calendar.dayOf(time);
  return spanNamed(period, period === 'day' ? day : monthOf(day), calendar);
}

/** The window that has a name. */
export function spanNamed(period: Period, name: string, calendar: Calendar): Span {
  if (period === 'minute' || period === 'hour') return { name, endMs: Date.parse(name) + PERIOD_MS[period] };
  return { name, endMs: period === 'day' ? calendar.startOfDay(dayAfter(name)) : calendar.startOfMonth(monthAfter(name)) };
}

/** A moment at which a window is over in every time zone. */
export function overEverywhere(period: Period, name: string): number {
  if (period === 'minute' || period === 'hour') return Date.parse(name) + PERIOD_MS[period];
  return Date.parse(dayAfter(period === 'day' ? name : `${monthAfter(name)}-01`, 2));
}
