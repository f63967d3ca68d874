import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bar, sparkline } from '../../src/clients/cli/sparkline.ts';

const amount = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });

describe('sparkline', () => {
  it('draws one sign a value, a dot for nothing and the highest bar for the most', () => {
    expect(sparkline([0n, 1n, 50n, 100n])).toBe('·▁▄█');
    expect(sparkline([])).toBe('');
    expect(sparkline([0n, 0n])).toBe('··');
  });

  it('never draws less as higher', () => {
    const heights = '·▁▂▃▄▅▆▇█';
    fc.assert(fc.property(fc.array(amount, { minLength: 1, maxLength: 31 }), (values) => {
      const drawn = Array.from(sparkline(values), (sign) => heights.indexOf(sign));
      expect(drawn).toHaveLength(values.length);
      for (const [a, one] of values.entries()) for (const [b, other] of values.entries()) if (one <= other) expect(drawn[a]).toBeLessThanOrEqual(drawn[b]!);
      expect(drawn.every((height, at) => (height === 0) === (values[at] === 0n))).toBe(true);
    }));
  });
});

describe('bar', () => {
  it('is as wide as asked, full only when all is used, and not empty once something is', () => {
    fc.assert(fc.property(amount, amount, fc.integer({ min: 2, max: 40 }), (used, limit, width) => {
      const drawn = bar(used, limit, width);
      expect(Array.from(drawn)).toHaveLength(width);
      if (limit > 0n) {
        expect(drawn === '█'.repeat(width)).toBe(used >= limit);
        expect(drawn === '░'.repeat(width)).toBe(used === 0n);
      }
    }));
  });
});
