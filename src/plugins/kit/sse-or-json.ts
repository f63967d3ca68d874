import { readJsonText } from './http.ts';
import { sseReader, type SseEvent } from './sse.ts';

/** What an answer turned out to be: a stream of events, or one JSON body. */
export type SseOrJson = { readonly events: readonly SseEvent[] } | { readonly json: string };

const SPACE = 0x20;
const isBlank = (byte: number): boolean => byte <= SPACE || isByteOrderMark(byte);
const isByteOrderMark = (byte: number): boolean => byte === 0xef || byte === 0xbb || byte === 0xbf;
/** `{` and `[` begin JSON; `<` begins a page that is neither, and that JSON's error tells best. */
const NOT_SSE: ReadonlySet<number> = new Set(Buffer.from('{[<'));

/** The most bytes of one whole answer: a stream's answer has more only over time. */
const MAX_JSON_BYTES = 8 * 1024 * 1024;

async function* resume(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** Where a read's first byte stands that is not blank; undefined where all are. */
function firstWord(read: Buffer): number | undefined {
  let at = 0;
  while (at < read.length && isBlank(read[at] ?? 0)) at++;
  return at < read.length ? at : undefined;
}

type Result = IteratorResult<SseOrJson, undefined>;

/**
 * Reads an answer that was asked for as a stream. Servers send one JSON body all the same, or a stream under the content type
 * of JSON, so its first byte that is not blank decides. Servers also send blank lines for minutes while the model waits: none is kept.
 */
export function readSseOrJson(body: AsyncIterable<Buffer>): AsyncIterableIterator<SseOrJson, undefined> {
  const reads = body[Symbol.asyncIterator]();
  const reader = sseReader();
  const atEnd = { done: true, value: undefined } as const;
  let state: 'blank' | 'events' | 'over' = 'blank';

  const begin = async (first: Buffer): Promise<Buffer | SseOrJson | undefined> => {
    const at = firstWord(first);
    if (at === undefined) return undefined;
    const read = first.subarray(at);
    state = NOT_SSE.has(read[0] ?? 0) ? 'over' : 'events';
    return state === 'events' ? read : { json: await readJsonText({ body: resume(read, reads) }, MAX_JSON_BYTES) };
  };

  const first = async (read: Buffer): Promise<Result> => {
    const begun = await begin(read);
    if (begun === undefined) return next();
    return Buffer.isBuffer(begun) ? feed(begun) : { done: false, value: begun };
  };
  const feed = (read: Buffer): Result | Promise<Result> => {
    const events = reader.feed(read);
    return events.length > 0 ? { done: false, value: { events } } : next();
  };
  const onRead = (read: IteratorResult<Buffer, unknown>): Result | Promise<Result> => {
    if (read.done !== true) return state === 'blank' ? first(read.value) : feed(read.value);
    state = 'over';
    const events = reader.end();
    return events.length > 0 ? { done: false, value: { events } } : atEnd;
  };
  const next = (): Promise<Result> => (state === 'over' ? Promise.resolve(atEnd) : reads.next().then(onRead));

  // A plain iterator without a function that is async: each costs every token some turns of the microtask queue.
  return {
    next,
    async return() {
      state = 'over';
      await reads.return?.();
      return atEnd;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
