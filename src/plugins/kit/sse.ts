import { createParser } from 'eventsource-parser';
import { ErrorClass, ProviderError } from '../provider.ts';
import { isTooHeavy } from './json-weight.ts';

export interface SseEvent {
  /** The event's name; undefined when the provider gave none. */
  readonly event: string | undefined;
  readonly data: string;
}

/** The most characters that one event may have. A longer one is not an answer. */
export const MAX_EVENT_CHARS = 4 * 1024 * 1024;

export interface SseReader {
  /** The events that these bytes complete: what arrived together can leave together. */
  feed(chunk: Uint8Array): readonly SseEvent[];
  /** An event at the very end, which counts even without its blank line. */
  end(): readonly SseEvent[];
}

const MORE: { readonly stream: boolean } = { stream: true };

/** Reads server-sent events. Throws for one that is longer than an answer has. */
export function sseReader(): SseReader {
  let batch: SseEvent[] = [];
  let overflow = false;
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARS,
    onEvent: ({ event, data }) => {
      // The parser counts what it has to hold, not an event that one read brings whole.
      if (data.length > MAX_EVENT_CHARS || isTooHeavy(data)) overflow = true;
      batch.push({ event, data });
    },
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') overflow = true;
    },
  });
  const decoder = new TextDecoder();
  let openLine = 0;
  const read = (text: string): readonly SseEvent[] => {
    parser.feed(text);
    // The parser passes over a line that is no field, and never says how long it is.
    const lineEnd = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
    openLine = lineEnd < 0 ? openLine + text.length : text.length - lineEnd - 1;
    if (overflow || openLine > MAX_EVENT_CHARS) throw new ProviderError(ErrorClass.INVALID_RESPONSE, `an event of the answer is longer than ${MAX_EVENT_CHARS} characters, or has more parts than any answer has`);
    const events = batch;
    batch = [];
    return events;
  };
  return {
    feed: (chunk) => read(decoder.decode(chunk, MORE)),
    end: () => read(`${decoder.decode()}\n\n`),
  };
}
