import type { Message } from '../../gen/tollgate/v1/content.ts';
import type { Finish, GenerateResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { type Answer, collectAnswer, type GenerationEvent } from './answer.ts';
import { cancelled, TollgateError } from './tollgate-error.ts';

/**
 * One answer that streams. The call starts at the first use of any member. Nothing is read ahead of its reader, so iterate it to
 * the end, or ask for `text()`, `finish()` or `message()`, which read what nobody iterates.
 *
 * All of them reject with a TollgateError when the generation fails. Events that a slow reader had not
 * read by then may be lost: grpc-js drops what it has received when a call ends in an error.
 */
export interface Generation extends AsyncIterable<GenerationEvent> {
  /** The events as they come, once. Leaving the loop early cancels the generation. */
  [Symbol.asyncIterator](): AsyncIterator<GenerationEvent, void>;
  /** The whole text, without refusals and reasoning. While somebody iterates, it waits for their end. */
  text(): Promise<string>;
  /** How it ended: reason, usage, cost, attempts. */
  finish(): Promise<Finish>;
  /** The assistant's whole message, ready to go into the messages of the next request. */
  message(): Promise<Message>;
}

/** What a generation reads: the signal ends it from our side. */
export type OpenStream = (signal: AbortSignal) => AsyncGenerator<GenerateResponse, void>;

interface Whole {
  readonly answer: Answer;
  readonly finish: Finish;
}

function withoutFinish(): TollgateError {
  return new TollgateError({
    reason: 'RESPONSE_TRUNCATED', code: 'INTERNAL', retryable: true,
    message: 'The stream ended without a finish, which a Tollgate daemon never does. Is something between us and it?',
  });
}

export function createGeneration(open: OpenStream, signal?: AbortSignal): Generation {
  const stop = new AbortController();
  const answer = collectAnswer();
  const end = Promise.withResolvers<Whole>();
  // Who iterates gets the failure from the loop: an end that nobody asks for is not an unhandled rejection.
  end.promise.catch(() => undefined);
  let used = false;

  function settle(error?: unknown): void {
    const finish = answer.finish();
    if (error !== undefined) end.reject(error);
    else if (finish === undefined) end.reject(withoutFinish());
    else end.resolve({ answer, finish });
  }

  async function* read(): AsyncGenerator<GenerationEvent, void> {
    const source = open(signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]));
    try {
      for await (const { seq, event } of source) {
        // A kind of event that is newer than this library.
        if (event === undefined) continue;
        answer.add(event);
        yield { ...event, seq };
      }
      if (answer.finish() === undefined) throw withoutFinish();
      settle();
    } catch (error) {
      settle(error);
      throw error;
    }
  }

  function start(): AsyncGenerator<GenerationEvent, void> {
    used = true;
    return read();
  }

  async function drain(): Promise<void> {
    for await (const event of start()) void event;
  }

  function whole(): Promise<Whole> {
    // Its failure is the end's.
    if (!used) drain().catch(() => undefined);
    return end.promise;
  }

  return {
    [Symbol.asyncIterator]() {
      if (used) throw new TypeError('A Generation is read once: iterate it before text(), finish() or message(), and only once.');
      const events = start();
      const leave = async (): Promise<IteratorReturnResult<void>> => {
        settle(answer.finish() === undefined ? cancelled('The reader left before the end.') : undefined);
        stop.abort('The reader left.');
        await events.return();
        return { done: true, value: undefined };
      };
      return { next: () => events.next(), return: leave };
    },
    text: async () => (await whole()).answer.text(),
    finish: async () => (await whole()).finish,
    message: async () => (await whole()).answer.message(),
  };
}
