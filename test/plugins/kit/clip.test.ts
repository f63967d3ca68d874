import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { clip } from '../../../src/plugins/kit/clip.ts';

test('a clipped text fits, begins like the whole one, and has no broken character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 8, max: 60 }), (text, maxBytes) => {
      const clipped = clip(text, maxBytes);
      expect(Buffer.byteLength(clipped)).toBeLessThanOrEqual(maxBytes);
      if (Buffer.byteLength(text) <= maxBytes) {
        expect(clipped).toBe(text);
      } else {
        expect(clipped.endsWith('…')).toBe(true);
        expect(text.replace(/^\uFEFF/, '').startsWith(clipped.slice(0, -1))).toBe(true);
        // It holds as much as fits.
        expect(Buffer.byteLength(clipped)).toBeGreaterThan(maxBytes - 4 - 3);
      }
    }),
  );
});
