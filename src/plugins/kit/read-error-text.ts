import type { Answer } from './http.ts';
import { within } from './within.ts';

/** The most bytes of an error's body that are read. */
const MAX_BYTES = 64 * 1024;
/** An error's body that pauses for this long has told enough: its status is known, and the caller waits. */
const MAX_SILENCE_MS = 2000;

/** The text of an error's body as far as it comes: its beginning when it is long, and what there is when it breaks off or stops. */
export async function readErrorText({ body }: Pick<Answer, 'body'>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const iterator = body[Symbol.asyncIterator]();
  while (size < MAX_BYTES) {
    const next = await within(MAX_SILENCE_MS, iterator.next());
    if (next === undefined || next.done === true) break;
    chunks.push(next.value);
    size += next.value.length;
  }
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, MAX_BYTES));
}
