import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { formatMoney, formatTokens } from '../../src/clients/cli/money.ts';

const dollars = (amount: number): bigint => BigInt(Math.round(amount * 1e6)) * 1_000_000n;

describe('money for people', () => {
  it.each([
    [0, '$0.00'], [0.0042, '$0.0042'], [0.0001, '$0.0001'], [0.00012, '$0.0001'], [0.00016, '$0.0002'], [0.05, '$0.05'], [0.051, '$0.051'], [0.0996, '$0.0996'], [0.09996, '$0.10'],
    [0.1, '$0.10'], [0.5, '$0.50'], [0.995, '$1.00'], [0.994, '$0.99'], [1, '$1.00'], [12.34, '$12.34'], [12.345, '$12.35'], [999.994, '$999.99'], [999.995, '$1,000.00'], [1204.5, '$1,204.50'],
    [1_234_567.89, '$1,234,567.89'],
  ])('%s dollars are %s', (amount, text) => {
    expect(formatMoney(dollars(amount))).toBe(text);
  });

  it('says of a trace that it is less than it can show, not nothing', () => {
    expect(formatMoney(1n)).toBe('<$0.0001');
    expect(formatMoney(99_999_999n)).toBe('<$0.0001');
    expect(formatMoney(100_000_000n)).toBe('$0.0001');
  });

  it('puts the sign before the currency', () => {
    expect(formatMoney(-dollars(3.5))).toBe('-$3.50');
    expect(formatMoney(-1n)).toBe('-<$0.0001');
  });

  it('never has a dollar and a cent, as "$0.50¢" once had', () => {
    expect(formatMoney(dollars(0.5))).toBe('$0.50');
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 63n - 1n), (picoUsd) => {
        expect(formatMoney(picoUsd)).toMatch(/^(?:<\$0\.0001|\$0\.0\d{1,3}|\$\d{1,3}(?:,\d{3})*\.\d{2})$/);
      }),
    );
  });

  it('is never further off than half of its last place', () => {
    fc.assert(
      fc.property(fc.bigInt(100_000_000n, 2n ** 63n - 1n), (picoUsd) => {
        const [whole = '', places = ''] = formatMoney(picoUsd).replace(/[$,]/g, '').split('.');
        const shown = BigInt(whole + places) * 10n ** BigInt(12 - places.length);
        const off = shown > picoUsd ? shown - picoUsd : picoUsd - shown;
        // Trailing zeros below ten cents are left out: the last place is then the fourth.
        expect(off * 2n <= (picoUsd < 99_950_000_000n ? 100_000_000n : 10_000_000_000n)).toBe(true);
      }),
    );
  });
});

describe('tokens for people', () => {
  it.each([
    [0n, '0'], [999n, '999'], [1000n, '1k'], [1049n, '1k'], [1050n, '1.1k'], [12_345n, '12.3k'], [99_949n, '99.9k'], [99_950n, '100k'], [123_456n, '123k'], [999_499n, '999k'], [999_500n, '1M'], [999_950n, '1M'],
    [1_000_000n, '1M'], [1_250_000n, '1.3M'], [3_400_000_000n, '3.4G'], [12_000_000_000_000n, '12T'], [123_456_000_000_000_000n, '123,456T'], [-1500n, '-1.5k'],
  ])('%s are %s', (count, text) => {
    expect(formatTokens(count)).toBe(text);
  });
});
