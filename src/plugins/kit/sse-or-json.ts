import { readJsonText } from './http.ts';
import { readSse, type SseEvent } from './sse.ts';

/** What an answer turned out to be: a stream of events, or one JSON body. */
export type SseOrJson = { readonly events: readonly SseEvent[] } | { readonly json: string };

const SPACE = 0x20;
const isBlank = (byte: number): boolean => byte <= SPACE || isByteOrderMark(byte);
const isByteOrderMark = (byte: number): boolean => byte === 0xef || byte === 0xbb || byte === 0xbf;
/** `{` and `[` begin JSON; `<` begins a page that is neither, and that JSON's error tells best. */
const NOT_SSE: ReadonlySet<number> = new Set(Buffer.from('{[<'));

/** The most bytes of one whole answer: a stream's answer has more only over time. */
const MAX_JSON_BYTES = 8 * 1024 * 1024;

async function* resume(head: Buffer | undefined, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head !== undefined) yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** The first read that is not blank, without its blanks. Servers send blank lines for minutes while the model waits: none is kept. */
async function firstWords(reads: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  for (let next = await reads.next(); next.done !== true; next = await reads.next()) {
    const read = next.value;
    let at = 0;
    while (at < read.length && isBlank(read[at] ?? 0)) at++;
    if (at < read.length) return read.subarray(at);
  }
  return undefined;
}

/**
 * Reads an answer that was asked for as a stream. Servers send one JSON body all the same, or a stream under the content type
 * of JSON, so its first byte that is not blank decides.
 */
export async function* readSseOrJson(body: AsyncIterable<Buffer>): AsyncGenerator<SseOrJson> {
  const rest = body[Symbol.asyncIterator]();
  try {
    const head = await firstWords(rest);
    const whole = resume(head, rest);
    if (head?.[0] !== undefined && NOT_SSE.has(head[0])) {
      yield { json: await readJsonText({ body: whole }, MAX_JSON_BYTES) };
    } else {
      for await (const events of readSse(whole)) yield { events };
    }
  } finally {
    await rest.return?.();
  }
}
