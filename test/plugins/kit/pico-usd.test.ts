import { expect, test } from 'vitest';
import { picoUsd } from '../../../src/plugins/kit/pico-usd.ts';

test.each([
  [0.00001255, 12_550_000n],
  [0.0076509169000000005, 7_650_916_900n],
  [1e-7, 100_000n],
  [1.5e-12, 2n],
  [4e-13, 0n],
  [0, 0n],
  [3, 3_000_000_000_000n],
  [0.1 + 0.2, 300_000_000_000n],
  [1e-300, 0n],
  ['0.000003', 3_000_000n],
  ['1.1E-3', 1_100_000_000n],
])('%s US dollars are exactly %s pico-USD', (dollars, pico) => {
  expect(picoUsd(dollars)).toBe(pico);
});

test.each([[-1], [Number.NaN], [Number.POSITIVE_INFINITY], [1e9], [1e300], [''], ['$1'], [null], [undefined], [{}], [true]])('%s is no amount', (dollars) => {
  expect(picoUsd(dollars)).toBeUndefined();
});

test.each([['digits', '1'], ['a fraction', '0.'], ['an exponent', '1e']])('a text of a million digits is no amount, and is known for it at once: %s', (_what, head) => {
  const text = head + '1'.repeat(1_000_000);
  const started = performance.now();
  expect(picoUsd(text)).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(100);
});
