import { readJsonText } from './http.ts';
import { readSse, type SseEvent } from './sse.ts';

/** What an answer turned out to be: a stream of events, or one JSON body. */
export type SseOrJson = { readonly events: readonly SseEvent[] } | { readonly json: string };

const SPACE = 0x20;
const BYTE_ORDER_MARK: ReadonlySet<number> = new Set([0xef, 0xbb, 0xbf]);
const isBlank = (byte: number): boolean => byte <= SPACE || BYTE_ORDER_MARK.has(byte);
/** `{` and `[` begin JSON; `<` begins a page that is neither, and that JSON's error tells best. */
const NOT_SSE: ReadonlySet<number> = new Set(Buffer.from('{[<'));

async function* resume(head: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/**
 * Reads an answer that was asked for as a stream. Servers send one JSON body all the same, or a stream under the content type
 * of JSON, so its first byte that is not blank decides.
 */
export async function* readSseOrJson(body: AsyncIterable<Buffer>): AsyncGenerator<SseOrJson> {
  const rest = body[Symbol.asyncIterator]();
  try {
    const head: Buffer[] = [];
    let first: number | undefined;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
      head.push(next.value);
      first = next.value.find((byte) => !isBlank(byte));
      if (first !== undefined) break;
    }
    const whole = resume(head, rest);
    if (first !== undefined && NOT_SSE.has(first)) {
      yield { json: await readJsonText({ body: whole }) };
    } else {
      for await (const events of readSse(whole)) yield { events };
    }
  } finally {
    await rest.return?.();
  }
}
