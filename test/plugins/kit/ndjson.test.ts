import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_LINE_CHARS, readNdjson } from '../../../src/plugins/kit/ndjson.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';
import { anyText, borders, flat, inChunks, inPieces } from './chunks.ts';

const read = (text: string, size = 64 * 1024) => flat(readNdjson(inPieces(Buffer.from(text), size)));
const line = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.oneof(anyText(), fc.integer(), fc.boolean(), fc.constant(null)), { maxKeys: 4, noNullPrototype: true });

describe('lines of JSON', () => {
  test('are the same for any borders between reads, any line ends and blank lines', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), fc.constantFrom('\n', '\r\n', '\n\n', '\n \n'), fc.boolean(), fc.boolean(), borders, async (objects, eol, mark, lastEnd, cuts) => {
        const text = objects.map((object) => JSON.stringify(object)).join(eol) + (lastEnd ? eol : '');
        expect(await flat(readNdjson(inChunks(Buffer.from((mark ? '\uFEFF' : '') + text), cuts)))).toEqual(objects);
      }),
    );
  });

  test.each([1000, 16 * 1024, 3 * 1024 * 1024])('of 1 MiB are read in pieces of %i bytes', async (size) => {
    const text = 'ä'.repeat(512 * 1024);
    expect(await read(`{"a":"${text}"}\n{"b":1}\n`, size)).toEqual([{ a: text }, { b: 1 }]);
  });

  test.each([64 * 1024, MAX_LINE_CHARS * 2])('that are too long are refused, read %i bytes at a time', async (size) => {
    const long = 'x'.repeat(MAX_LINE_CHARS);
    for (const text of [`{"a":"${long}"}\n`, `{"a":"${long}`]) await expect(read(text, size)).rejects.toMatchObject({ errorClass: ErrorClass.INVALID_RESPONSE });
  });

  test('that arrive in one read are told together', async () => {
    const batches: unknown[] = [];
    for await (const batch of readNdjson(inPieces(Buffer.from('{"a":1}\n{"a":2}\n{"a":3}\n'), 18))) batches.push(batch);
    expect(batches).toEqual([[{ a: 1 }, { a: 2 }], [{ a: 3 }]]);
  });

  test.each(['nonsense', '[1]', '"text"', '{"a":1', 'null'])('before a line that holds "%s" are told, and then it fails', async (nonsense) => {
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const batch of readNdjson(inPieces(Buffer.from(`{"a":1}\n${nonsense}\n{"a":2}\n`), 1024))) seen.push(...batch);
    })();
    await expect(reading).rejects.toMatchObject({ errorClass: ErrorClass.INVALID_RESPONSE });
    expect(seen).toEqual([{ a: 1 }]);
  });

  test('that stop in the middle of the last one are cut, not complete', async () => {
    const text = '{"a":1}\n{"b":"ä"}';
    for (let at = 9; at < Buffer.byteLength(text); at++) {
      await expect(flat(readNdjson(inPieces(Buffer.from(text).subarray(0, at), 5)))).rejects.toMatchObject({ errorClass: ErrorClass.TRUNCATED });
    }
    expect(await read(text)).toEqual([{ a: 1 }, { b: 'ä' }]);
  });

  test('parity: an NDJSON line split over two reads is not dropped', async () => {
    expect(await flat(readNdjson(inChunks(Buffer.from('{"text":"x"}\n'), [7])))).toEqual([{ text: 'x' }]);
  });
});
