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

test.each([[-1], [Number.NaN], [Number.POSITIVE_INFINITY], [1e9], [1e300], [''], ['$1'], [null], [undefined], [{}], [true], [`0.${'1'.repeat(3_000_000)}`]])('%.40s is no amount', (dollars) => {
  expect(picoUsd(dollars)).toBeUndefined();
});
