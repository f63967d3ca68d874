import { ErrorClass, ProviderError } from '../provider.ts';
import { isTooHeavy } from './json-weight.ts';
import type { JsonObject } from './json.ts';
import { isObject, parseJson } from './json.ts';

/** The most characters that one line may have. A longer one is not an answer. */
export const MAX_LINE_CHARS = 4 * 1024 * 1024;

const tooLong = (): ProviderError =>
  new ProviderError(ErrorClass.INVALID_RESPONSE, `a line of the answer is longer than ${MAX_LINE_CHARS} characters, or has more parts than any answer has`);

/** The objects up to the first line that holds none. */
function parseLines(lines: readonly string[]): { readonly objects: readonly JsonObject[]; readonly complete: boolean } {
  const objects: JsonObject[] = [];
  for (const line of lines) {
    if (line.trim() === '') continue;
    const value = parseJson(line);
    if (!isObject(value)) return { objects, complete: false };
    objects.push(value);
  }
  return { objects, complete: true };
}

/** A line that stops in its middle at the end of the body is a cut answer. */
function parseLastLine(line: string): JsonObject {
  const value = parseJson(line);
  if (isObject(value)) return value;
  throw new ProviderError(ErrorClass.TRUNCATED, 'the answer ended in the middle of a line');
}

/** Reads one JSON object a line. Yields the objects of one read together. A last line counts without its line end. */
export async function* readNdjson(body: AsyncIterable<Uint8Array>): AsyncGenerator<readonly JsonObject[]> {
  const decoder = new TextDecoder();
  let pending: string[] = [];
  let pendingChars = 0;
  for await (const chunk of body) {
    const text = decoder.decode(chunk, { stream: true });
    pending.push(text);
    pendingChars += text.length;
    if (text.includes('\n')) {
      const lines = pending.join('').split('\n');
      if (lines.some((line) => line.length > MAX_LINE_CHARS || isTooHeavy(line))) throw tooLong();
      const rest = lines.pop() ?? '';
      pending = [rest];
      pendingChars = rest.length;
      const { objects, complete } = parseLines(lines);
      if (objects.length > 0) yield objects;
      if (!complete) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'a line of the answer is not a JSON object');
    }
    if (pendingChars > MAX_LINE_CHARS) throw tooLong();
  }
  const rest = pending.join('') + decoder.decode();
  if (rest.trim() !== '') yield [parseLastLine(rest)];
}
