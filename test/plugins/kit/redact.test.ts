import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redact } from '../../../src/plugins/kit/redact.ts';

const key = 'sk-ant-api03-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789';
const anyKey = fc.stringMatching(/^[a-zA-Z0-9_-]{9,60}$/);

describe('a redacted text', () => {
  test('holds no run of 8 characters of the key, wherever the key stands', () => {
    fc.assert(
      fc.property(anyKey, fc.string(), fc.string(), fc.nat(), fc.nat(), (secret, before, after, from, to) => {
        const piece = secret.slice(from % secret.length, (to % secret.length) + 1);
        const clean = redact(`${before}${secret}${after}${piece}`, secret);
        for (let at = 0; at + 8 <= secret.length; at++) expect(clean.replaceAll('[key removed]', '\0')).not.toContain(secret.slice(at, at + 8));
      }),
    );
  });

  test('is unchanged when it has nothing of the key', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '1', '.', 'ä'), maxLength: 100 }), (text) => {
        expect(redact(text, 'XYZ-QRS-TUV-987')).toBe(text);
      }),
    );
  });

  test.each([
    [`Incorrect API key provided: ${key}. Find yours at https://example.org.`, 'Incorrect API key provided: [key removed]. Find yours at https://example.org.'],
    [`twice ${key} and ${key}`, 'twice [key removed] and [key removed]'],
    [`it begins with ${key.slice(0, 20)}`, 'it begins with [key removed]'],
    [`it ends with ${key.slice(-8)}`, 'it ends with [key removed]'],
    ['Incorrect API key provided: sk-pr**********************wxyz.', 'Incorrect API key provided: [key removed].'],
    ['a **bold** word', 'a **bold** word'],
  ])('"%s" becomes "%s"', (text, clean) => {
    expect(redact(text, key)).toBe(clean);
  });

  test('loses a short key too, as a word of its own, and nothing to an empty one', () => {
    expect(redact('the key is abc!', 'abc')).toBe('the key is [key removed]!');
    expect(redact('abcd (a.b) a-b', 'a.b')).toBe('abcd ([key removed]) a-b');
    expect(redact('abcd', 'abc')).toBe('abcd');
    expect(redact('nothing to hide', '')).toBe('nothing to hide');
  });
});
