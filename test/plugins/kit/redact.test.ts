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
    ['twice masked: ab***cd***ef.', 'twice masked: [key removed].'],
    ['a **bold** word', 'a **bold** word'],
  ])('"%s" becomes "%s"', (text, clean) => {
    expect(redact(text, key)).toBe(clean);
  });

  test.each<[string, (secret: string) => string]>([
    ['in capitals', (secret) => secret.toUpperCase()],
    ['in small letters', (secret) => secret.toLowerCase()],
    ['reversed', (secret) => Array.from(secret).toReversed().join('')],
    ['as hex', (secret) => Buffer.from(secret).toString('hex')],
    ['as hex in capitals', (secret) => Buffer.from(secret).toString('hex').toUpperCase()],
    ['as part of a URL', (secret) => encodeURIComponent(secret)],
    ['as base64', (secret) => Buffer.from(secret).toString('base64')],
    ['as base64 behind one byte', (secret) => Buffer.from(`:${secret}`).toString('base64')],
    ['as base64 behind two bytes', (secret) => Buffer.from(`u:${secret}`).toString('base64')],
    ['as base64 of the whole header', (secret) => Buffer.from(`Bearer ${secret}`).toString('base64')],
    ['as base64 of a URL', (secret) => Buffer.from(secret).toString('base64url')],
  ])('holds no run of the key %s', (_how, write) => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~]{9,60}$/), (secret) => {
        const written = write(secret);
        const clean = redact(`before ${written} after`, secret);
        // The first and last characters of base64 tell of the neighbours too, and may stay.
        expect(clean).toMatch(/^before .{0,3}\[key removed\].{0,4} after$/);
      }),
    );
  });

  test('is as it was around the key, and a key of before is still known after many others', () => {
    for (let n = 0; n < 40; n++) expect(redact(`Ä-B_C ${key}-Ö İ`, `${n}-another-key-${n}`)).toBe(`Ä-B_C ${key}-Ö İ`);
    expect(redact(`Ä-B_C İ ${key} Ö-D_E`, key)).toBe('Ä-B_C İ [key removed] Ö-D_E');
  });

  test('ends where nobody reads any more, without a part of the key', () => {
    const started = performance.now();
    expect(redact('x '.repeat(30_000_000), key)).toHaveLength(64 * 1024);
    const cutInTheKey = 'x '.repeat(32 * 1024 - 10) + key;
    expect(redact(cutInTheKey, key).endsWith('x [key removed]')).toBe(true);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('is clean at once, also when it is one endless word', () => {
    const started = performance.now();
    redact('a'.repeat(200_000), key);
    redact('a*'.repeat(100_000), key);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('loses a short key too, as a word of its own, and nothing to an empty one', () => {
    expect(redact('the key is abc!', 'abc')).toBe('the key is [key removed]!');
    expect(redact('abcd (a.b) a-b', 'a.b')).toBe('abcd ([key removed]) a-b');
    expect(redact('abcd', 'abc')).toBe('abcd');
    expect(redact('nothing to hide', '')).toBe('nothing to hide');
  });
});
