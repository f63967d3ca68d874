import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTooHeavy } from '../../../src/plugins/kit/json-weight.ts';

const long = ' '.repeat(5000);

describe('a JSON text', () => {
  test('of usual size and shape is not too heavy, whatever its strings hold', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: fc.constantFrom('[', '{', '"', '\\\\', ']', 'a'), maxLength: 3000 }), (value, text) => {
        expect(isTooHeavy(JSON.stringify([value, text.repeat(3)]) + long)).toBe(false);
      }),
    );
  });

  test.each([
    ['brackets in a string', JSON.stringify('['.repeat(500_000)), false],
    ['quotes and backslashes in a string', JSON.stringify('\\\\"['.repeat(300_000)), false],
    ['many numbers', `[${'1,'.repeat(500_000)}1]`, false],
    ['a depth of a thousand', `${'['.repeat(1000)}${']'.repeat(1000)}${long}`, false],
    ['more depth than that', `${'['.repeat(1001)}${']'.repeat(1001)}${long}`, true],
    ['depth behind a string', `{"a":"\\\\","b":${'{"a":'.repeat(5000)}1${'}'.repeat(5001)}`, true],
    ['very many objects', `[${'{},'.repeat(300_000)}{}]`, true],
    ['a string that does not end', `"${'['.repeat(5000)}`, false],
  ])('with %s', (_what, text, heavy) => {
    expect(isTooHeavy(text)).toBe(heavy);
  });
});
