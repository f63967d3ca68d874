import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_EVENT_CHARS, sseReader, type SseEvent } from '../../../src/plugins/kit/sse.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';
import { anyText, borders, flat, inChunks, inPieces } from './chunks.ts';

async function* readSse(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly SseEvent[]> {
  const reader = sseReader();
  for await (const chunk of chunks) {
    const events = reader.feed(chunk);
    if (events.length > 0) yield events;
  }
  const last = reader.end();
  if (last.length > 0) yield last;
}

const read = (text: string, cuts: readonly number[] = []): Promise<readonly SseEvent[]> => flat(readSse(inChunks(Buffer.from(text), cuts)));
const data = (...texts: readonly string[]): readonly SseEvent[] => texts.map((text) => ({ event: undefined, data: text }));

/** One event as a server may write it, with what a reader must make of it. */
const written = fc.record({
  event: fc.option(fc.stringMatching(/^[a-z_.]{1,12}$/), { nil: undefined }),
  lines: fc.array(anyText().map((text) => text.replaceAll(/[\r\n]/g, ' ')), { minLength: 1, maxLength: 3 }),
  comment: fc.option(anyText(10).map((text) => text.replaceAll(/[\r\n]/g, ' ')), { nil: undefined }),
  space: fc.boolean(),
});

describe('server-sent events', () => {
  test('are the same for any borders between reads and any line ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(written, { maxLength: 6 }), fc.constantFrom('\n', '\r\n', '\r'), fc.boolean(), borders, async (events, eol, mark, cuts) => {
        const text = events
          .map(({ event, lines, comment, space }) => {
            const fields = lines.map((line) => (space || line.startsWith(' ') ? `data: ${line}` : `data:${line}`));
            return [...(comment === undefined ? [] : [`:${comment}`]), ...(event === undefined ? [] : [`event: ${event}`]), ...fields, '', ''].join(eol);
          })
          .join('');
        const expected = events.map(({ event, lines }) => ({ event, data: lines.join('\n') }));
        expect(await read((mark ? '\uFEFF' : '') + text, cuts)).toEqual(expected);
      }),
    );
  });

  test('never fail on bytes that are nobody’s events', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), borders, async (bytes, cuts) => {
        await flat(readSse(inChunks(bytes, cuts)));
      }),
    );
  });

  test('count at the very end without their blank line, and without their line end', async () => {
    expect(await read('data: a\n\ndata: b\n')).toEqual(data('a', 'b'));
    expect(await read('data: a\n\ndata: b')).toEqual(data('a', 'b'));
    expect(await read('data: a\r\rdata: b\r')).toEqual(data('a', 'b'));
    expect(await read('data: a\r\n\r\ndata: b\r')).toEqual(data('a', 'b'));
  });

  test('may be empty, and need data to be events', async () => {
    expect(await read('data:\n\nevent: ping\n\n: only a comment\n\nretry: 10\nid: 7\n\n')).toEqual(data(''));
    expect(await read('')).toEqual([]);
  });

  test('that arrive in one read are told together', async () => {
    const batches: (readonly SseEvent[])[] = [];
    const chunks = ['data: a\n\ndata: b\n\nda', 'ta: c\n\n'].map((text) => Buffer.from(text));
    for await (const batch of readSse((async function* () { yield* chunks; })())) batches.push(batch);
    expect(batches).toEqual([data('a', 'b'), data('c')]);
  });

  test.each([1000, 16 * 1024, 3 * 1024 * 1024])('of 1 MiB are read in pieces of %i bytes', async (size) => {
    const long = 'ä'.repeat(512 * 1024);
    const events = await flat(readSse(inPieces(Buffer.from(`data: ${long}\n\ndata: next\n\n`), size)));
    expect(events).toEqual(data(long, 'next'));
  });

  test.each<[string, (text: string) => string]>([
    ['one line', (text) => `data: ${text}\n\n`],
    ['many lines', (text) => `${text.replaceAll(/.{1024}/g, 'data: $&\n')}\n`],
    ['a line without an end', (text) => `data: ${text}`],
  ])('that are too long in %s are refused, in small reads and in one', async (_what, write) => {
    const bytes = Buffer.from(write('x'.repeat(MAX_EVENT_CHARS + 2048)));
    for (const size of [64 * 1024, bytes.length]) {
      await expect(flat(readSse(inPieces(bytes, size)))).rejects.toMatchObject({ errorClass: ErrorClass.INVALID_RESPONSE });
    }
  });

  test.each(['data: ', 'x', ': a comment ', 'data: a\n\nx'])('are refused when a line never ends that begins with %j', async (head) => {
    const bytes = Buffer.from(head + 'x'.repeat(MAX_EVENT_CHARS + 2048));
    for (const size of [64 * 1024, bytes.length]) {
      await expect(flat(readSse(inPieces(bytes, size)))).rejects.toMatchObject({ errorClass: ErrorClass.INVALID_RESPONSE });
    }
  });

  test('with broken UTF-8 show it, and go on', async () => {
    const bytes = Buffer.concat([Buffer.from('data: a'), Buffer.from([0xff, 0xc3]), Buffer.from('\n\ndata: b\n\n')]);
    expect(await flat(readSse(inPieces(bytes, 1)))).toEqual(data('a\uFFFD\uFFFD', 'b'));
  });

  test('parity: an SSE line split over two reads is not dropped', async () => {
    const chunks = ['data: {"te', 'xt":"x"}\n', '\n'].map((text) => Buffer.from(text));
    expect(await flat(readSse((async function* () { yield* chunks; })()))).toEqual(data('{"text":"x"}'));
  });
});
