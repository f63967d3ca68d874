import { describe, expect, it } from 'vitest';
import { parseMoment } from '../../src/clients/cli/parse-moment.ts';
import { formatUntil } from '../../src/clients/cli/format-time.ts';

const now = Date.parse('2026-11-23T12:00:00Z');

describe('parseMoment', () => {
  it('reads how long ago', () => {
    expect(parseMoment('7d', now)).toEqual(new Date('2026-11-16T12:00:00Z'));
    expect(parseMoment('1h30m', now)).toEqual(new Date('2026-11-23T10:30:00Z'));
  });

  it("reads a day and a month as this machine's calendar has them", () => {
    expect(parseMoment('2026-11-01')).toEqual(new Date(2026, 10, 1));
    expect(parseMoment('2026-11')).toEqual(new Date(2026, 10, 1));
    expect(parseMoment('2024-02-29')).toEqual(new Date(2024, 1, 29));
  });

  it('reads a time of a day', () => {
    expect(parseMoment('2026-11-01T09:30')).toEqual(new Date(2026, 10, 1, 9, 30));
    expect(parseMoment('2026-11-01T09:30:15Z')).toEqual(new Date('2026-11-01T09:30:15Z'));
    expect(parseMoment('2026-11-01T09:30+02:00')).toEqual(new Date('2026-11-01T07:30:00Z'));
  });

  it.each(['', 'yesterday', '7', '-7d', '2026-02-30', '2026-13-01', '2026-13', '2026-11-01T25:00', '2026-11-01 09:30', '99999999999d', '0000-01-01', '20261101'])('takes %j for no time', (text) => {
    expect(parseMoment(text, now)).toBeUndefined();
  });
});

describe('formatUntil', () => {
  it.each([[0, 'now'], [-5, 'now'], [1, 'in 1 min'], [59_000, 'in 1 min'], [119_000, 'in 1 min'], [3_600_000, 'in 1 h'], [86_399_000, 'in 23 h'], [8 * 86_400_000, 'in 8 d']])('says of %d ms: %s', (left, said) => {
    expect(formatUntil(new Date(now + left), now)).toBe(said);
  });
});
