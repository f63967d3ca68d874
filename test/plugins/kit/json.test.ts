import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayOf, countOf, isObject, mergeJson, objectOf, parseJson, rawJson, stringifyBody, stringOf, wordOf } from '../../../src/plugins/kit/json.ts';

describe('a body with raw JSON in it', () => {
  test('holds the raw text byte for byte and is JSON like any other', () => {
    fc.assert(
      fc.property(fc.array(fc.json(), { minLength: 1, maxLength: 5 }), fc.nat(8), (texts, spaces) => {
        const padded = texts.map((text) => `${' '.repeat(spaces)}${text}\n`);
        const body = stringifyBody({ list: padded.map(rawJson), inside: { deeper: rawJson(padded[0] ?? '') }, plain: '"0"' });
        for (const text of padded) expect(body).toContain(text);
        expect(JSON.parse(body)).toEqual({ list: texts.map((text) => JSON.parse(text)), inside: { deeper: JSON.parse(texts[0] ?? '') }, plain: '"0"' });
      }),
    );
  });

  test('keeps numbers that this language cannot hold, and a dollar sign', () => {
    expect(stringifyBody({ a: rawJson('{"id": 12345678901234567890, "big": 1e999}'), b: rawJson('"$& $1 $$"') })).toBe('{"a":{"id": 12345678901234567890, "big": 1e999},"b":"$& $1 $$"}');
  });

  test('is what JSON.stringify makes when nothing is raw', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (body) => {
        expect(stringifyBody(body)).toBe(JSON.stringify(body));
      }),
    );
  });
});

describe('merging JSON', () => {
  test('goes into objects, replaces everything else, and leaves both sides as they were', () => {
    const base = { a: { b: 1, c: [1, 2] }, d: 'x', e: { f: 1 } };
    const extra = { a: { c: [3], g: null }, d: { h: 1 }, e: 5, i: true };
    const copies = structuredClone([base, extra]);
    expect(mergeJson(base, extra)).toEqual({ a: { b: 1, c: [3], g: null }, d: { h: 1 }, e: 5, i: true });
    expect([base, extra]).toEqual(copies);
  });

  test('replaces raw JSON whole', () => {
    expect(stringifyBody(mergeJson({ schema: rawJson('{"a": 1}') }, { schema: { b: 2 } }))).toBe('{"schema":{"b":2}}');
    expect(stringifyBody(mergeJson({ other: 1 }, { x: 1 }))).toBe('{"other":1,"x":1}');
  });

  test('cannot change what every object inherits', () => {
    const evil = parseJson('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"a":{"__proto__":{"polluted":true}}}');
    const merged = mergeJson({ a: {} }, objectOf(evil) ?? {});
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(merged['polluted']).toBeUndefined();
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect((merged['a'] as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('with nothing changes nothing', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string().filter((name) => name !== '__proto__'), fc.jsonValue(), { noNullPrototype: true }), (body) => {
        expect(mergeJson(body, {})).toEqual(body);
        expect(mergeJson({}, body)).toEqual(body);
      }),
    );
  });
});

describe('reading what a provider sent', () => {
  test.each<[unknown, bigint | undefined]>([
    [0, 0n],
    [17, 17n],
    [Number.MAX_SAFE_INTEGER, 9_007_199_254_740_991n],
    [2 ** 53, undefined],
    [-1, undefined],
    [1.5, undefined],
    [Number.NaN, undefined],
    ['17', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('takes %o as the count %o', (value, count) => {
    expect(countOf(value)).toBe(count);
  });

  test('tells objects, lists, texts and words from everything else', () => {
    const values: readonly unknown[] = [{}, [], 'x', '', 7, null, undefined, true];
    expect(values.map(isObject)).toEqual([true, false, false, false, false, false, false, false]);
    expect(values.map((value) => objectOf(value) !== undefined)).toEqual([true, false, false, false, false, false, false, false]);
    expect(values.map((value) => arrayOf(value) === value)).toEqual([false, true, false, false, false, false, false, false]);
    expect(values.map(stringOf)).toEqual([undefined, undefined, 'x', '', undefined, undefined, undefined, undefined]);
    expect(values.map(wordOf)).toEqual([undefined, undefined, 'x', undefined, '7', undefined, undefined, undefined]);
    expect([parseJson('{"a":1}'), parseJson('{"a":'), parseJson('')]).toEqual([{ a: 1 }, undefined, undefined]);
  });
});
