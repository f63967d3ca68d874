import { describe, expect, it } from 'vitest';
import { formatDuration } from '../../src/clients/cli/format-duration.ts';
import { parseDuration, toDuration } from '../../src/duration.ts';

describe('parseDuration', () => {
  it.each([['500ms', 500], ['1.5s', 1500], ['90s', 90_000], ['5m', 300_000], ['12h', 43_200_000], ['30d', 2_592_000_000], ['2w', 1_209_600_000], ['1h30m', 5_400_000]])(
    'reads %s as %i ms', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds),
  );

  it.each(['', '5', '-5s', '5 s', 's', '1.s', '5y', '5sx', 'x5s', '1e3s'])('refuses %j', (text) => expect(parseDuration(text)).toBeUndefined());
});

describe('toDuration', () => {
  it('splits milliseconds into seconds and nanos', () => {
    expect(toDuration(1500)).toEqual({ seconds: 1n, nanos: 500_000_000 });
    expect(toDuration(2_592_000_000)).toEqual({ seconds: 2_592_000n, nanos: 0 });
  });
});

describe('formatDuration', () => {
  it.each([[{ seconds: 0n, nanos: 40_000_000 }, '40 ms'], [{ seconds: 2n, nanos: 140_000_000 }, '2.1 s'], [{ seconds: 125n, nanos: 0 }, '2 min 5 s'], [{ seconds: 59n, nanos: 999_999_999 }, '60.0 s']])(
    'writes %o as %s', (duration, text) => expect(formatDuration(duration)).toBe(text),
  );
});
