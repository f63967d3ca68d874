import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readSseOrJson, type SseOrJson } from '../../../src/plugins/kit/sse-or-json.ts';
import { borders, inChunks } from './chunks.ts';

async function read(body: AsyncIterable<Buffer>): Promise<{ readonly json: string | undefined; readonly data: readonly string[] }> {
  const all: SseOrJson[] = [];
  for await (const piece of readSseOrJson(body)) all.push(piece);
  return {
    json: all.map((piece) => ('json' in piece ? piece.json : undefined))[0],
    data: all.flatMap((piece) => ('events' in piece ? piece.events.map(({ data }) => data) : [])),
  };
}

const blank = fc.stringMatching(/^[ \n]{0,5}$/);

test('a body that begins with JSON is read whole, whatever blanks stand before it and however it is cut', async () => {
  const value = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()));
  await fc.assert(
    fc.asyncProperty(value, blank, fc.boolean(), borders, async (json, before, mark, cuts) => {
      const text = before + JSON.stringify(json);
      const answer = await read(inChunks(Buffer.from((mark ? '\uFEFF' : '') + text), cuts));
      expect(answer.data).toEqual([]);
      expect(JSON.parse(answer.json ?? '')).toEqual(JSON.parse(text));
    }),
  );
});

test('a body that begins otherwise is a stream of events, of which no byte is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.stringMatching(/^[a-zä{]{1,8}$/), { minLength: 1, maxLength: 5 }), blank, borders, async (texts, before, cuts) => {
      const body = `${before.replaceAll(' ', '')}: a comment\n\n${texts.map((text) => `data: ${text}\n\n`).join('')}`;
      expect(await read(inChunks(Buffer.from(body), cuts))).toEqual({ json: undefined, data: texts });
    }),
  );
});

test('nothing at all is a stream without events', async () => {
  expect(await read(inChunks(Buffer.from(''), []))).toEqual({ json: undefined, data: [] });
  expect(await read(inChunks(Buffer.from('  \n'), [1]))).toEqual({ json: undefined, data: [] });
});

test('a reader that leaves closes the body', async () => {
  let closed = false;
  async function* body(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield Buffer.from('data: x\n\n');
    } finally {
      closed = true;
    }
  }
  for await (const _ of readSseOrJson(body())) break;
  expect(closed).toBe(true);
});
