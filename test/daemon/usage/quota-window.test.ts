import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarOf, type Calendar } from '../../../src/daemon/usage/calendar.ts';
import { parseWindow, PERIODS, spanAt, spanNamed } from '../../../src/daemon/usage/quota-window.ts';

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia', 'Pacific/Kiritimati', 'America/St_Johns', 'Africa/Cairo', 'Asia/Beirut'];
const calendar = (zone: string): Calendar => {
  const found = calendarOf(zone);
  if (found === undefined) throw new Error(`there is no ${zone}`);
  return found;
};
const zone = fc.constantFrom(...ZONES).map(calendar);
const moment = fc.integer({ min: Date.UTC(1995, 0, 1), max: Date.UTC(2045, 0, 1) });

describe('windows', () => {
  it('hold the moment that they are asked for, and end where the next begins', () => {
    fc.assert(
      fc.property(zone, moment, fc.constantFrom(...PERIODS), (local, time, period) => {
        const span = spanAt(period, local, time);
        expect(span.endMs).toBeGreaterThan(time);
        expect(spanNamed(period, span.name, local)).toEqual(span);
        expect(spanAt(period, local, span.endMs).name > span.name).toBe(true);
        // A change of the clocks by half an hour cuts an hour of the clocks in two.
        if (local.zone !== 'Australia/Lord_Howe') expect(spanAt(period, local, span.endMs - 1).name).toBe(span.name);
      }),
      { numRuns: 3000 },
    );
  });

  it('never go back as time goes on', () => {
    fc.assert(
      fc.property(zone, moment, fc.integer({ min: 0, max: 40 * 86_400_000 }), fc.constantFrom(...PERIODS), (local, time, later, period) => {
        expect(spanAt(period, local, time + later).name >= spanAt(period, local, time).name).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['a day of 25 hours', 'day', 'Europe/Berlin', '2026-10-25T12:00Z', '2026-10-25', '2026-10-25T23:00:00.000Z'],
    ['a day of 23 hours', 'day', 'Europe/Berlin', '2026-03-29T12:00Z', '2026-03-29', '2026-03-29T22:00:00.000Z'],
    ['a day without midnight', 'day', 'America/Sao_Paulo', '2018-11-04T12:00Z', '2018-11-04', '2018-11-05T02:00:00.000Z'],
    ['the day before a day that was left out', 'day', 'Pacific/Apia', '2011-12-30T02:00Z', '2011-12-29', '2011-12-30T10:00:00.000Z'],
    ['the first hour that is shown twice', 'hour', 'Europe/Berlin', '2026-10-25T00:30Z', '2026-10-25T00:00Z', '2026-10-25T01:00:00.000Z'],
    ['the second hour that is shown twice', 'hour', 'Europe/Berlin', '2026-10-25T01:30Z', '2026-10-25T01:00Z', '2026-10-25T02:00:00.000Z'],
    ['an hour of a zone that is half an hour off', 'hour', 'Asia/Kolkata', '2026-11-23T10:15Z', '2026-11-23T09:30Z', '2026-11-23T10:30:00.000Z'],
    ['a month with a change of the clocks', 'month', 'Europe/Berlin', '2026-10-31T22:59Z', '2026-10', '2026-10-31T23:00:00.000Z'],
    ['the last minute of a year', 'month', 'Pacific/Kiritimati', '2026-12-31T09:59:59.999Z', '2026-12', '2026-12-31T10:00:00.000Z'],
    ['February of a leap year', 'month', 'UTC', '2028-02-29T23:59Z', '2028-02', '2028-03-01T00:00:00.000Z'],
    ['a minute', 'minute', 'UTC', '2026-11-23T10:15:59.999Z', '2026-11-23T10:15Z', '2026-11-23T10:16:00.000Z'],
  ] as const)('are right for %s', (_what, period, name, time, span, end) => {
    const found = spanAt(period, calendar(name), Date.parse(time));
    expect([found.name, new Date(found.endMs).toISOString()]).toEqual([span, end]);
  });

  it('stand for times that no calendar has', () => {
    for (const time of [-1, Number.MAX_SAFE_INTEGER, 8.64e15, Date.UTC(12_000, 1, 1)]) {
      for (const period of PERIODS) expect(spanAt(period, calendar('Europe/Berlin'), time).name).toMatch(/^\d{4}-\d\d/);
    }
    expect(calendarOf('Europe/Nowhere')).toBeUndefined();
    expect(calendarOf('')).toBeUndefined();
  });

  it('are named so that they can be read again, and nothing else is', () => {
    expect(parseWindow('client/my-app/requests/month/2026-11')).toEqual({ counter: 'client/my-app/requests/month', unit: 'requests', period: 'month', span: '2026-11' });
    for (const id of ['', 'client/a/requests/month', 'client/a/euros/month/2026-11', 'client/a/requests/week/2026-11', 'tier/a/requests/month/2026-11', 'client/a/requests/month/2026-11/x']) expect(parseWindow(id)).toBeUndefined();
  });
});
