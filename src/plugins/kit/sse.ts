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

/**
 * Reads server-sent events. Yields the events of one read together, so that what arrived together can leave together.
 * An event at the very end counts even without its blank line.
 */
export async function* readSse(body: AsyncIterable<Uint8Array>): AsyncGenerator<readonly SseEvent[]> {
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
  const feed = (text: string): readonly SseEvent[] => {
    parser.feed(text);
    // The parser passes over a line that is no field, and never says how long it is.
    const lineEnd = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
    openLine = lineEnd < 0 ? openLine + text.length : text.length - lineEnd - 1;
    if (overflow || openLine > MAX_EVENT_CHARS) throw new ProviderError(ErrorClass.INVALID_RESPONSE, `an event of the answer is longer than ${MAX_EVENT_CHARS} characters, or has more parts than any answer has`);
    const events = batch;
    batch = [];
    return events;
  };
  for await (const chunk of body) {
    const events = feed(decoder.decode(chunk, { stream: true }));
    if (events.length > 0) yield events;
  }
  const last = feed(`${decoder.decode()}\n\n`);
  if (last.length > 0) yield last;
}
