import type { Generation, UsageFilter } from '../../gen/tollgate/v1/usage_service.ts';
import { Failure } from '../failure.ts';
import type { Recorder } from './recorder.ts';
import { selectionOf, selects } from './selection.ts';
import type { Who } from './usage-book.ts';

const MAX_BEHIND = 1000;

/** Generations as they are settled, from the call on. Ends when `signal` is aborted; throws DAEMON_OVERLOADED for a reader that is 1,000 behind. */
export function watchGenerations(recorder: Recorder, filter: UsageFilter | undefined, who: Who, signal: AbortSignal): AsyncIterable<Generation> {
  const selection = selectionOf(filter, who);
  const waiting: Generation[] = [];
  let wake = (): void => {};
  let isBehind = false;
  const unsubscribe = recorder.subscribe(({ record, generation }) => {
    if (record.type !== 'SETTLE' || generation === undefined || selection === undefined || !selects(selection, generation)) return;
    if (waiting.length >= MAX_BEHIND) isBehind = true;
    else waiting.push(generation);
    wake();
  });
  const stop = (): void => {
    unsubscribe();
    wake();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();

  async function* read(): AsyncGenerator<Generation, void> {
    try {
      while (!signal.aborted) {
        const next = waiting.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        if (isBehind) throw new Failure('DAEMON_OVERLOADED', 'the watch was not read fast enough: generations came that it could not keep; watch again, and list those in between', { retryAfterMs: 1000 });
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', stop);
      unsubscribe();
    }
  }
  return read();
}
