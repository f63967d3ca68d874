import type { ProviderEvent } from '../../../src/plugins/provider.ts';
import { started } from '../../../src/plugins/provider.ts';
import { done, say, scriptedProvider, type ScriptedProvider } from '../scripted-provider.ts';

/** One answer in the making. */
export interface ToldAnswer {
  say(...texts: readonly string[]): void;
  finish(): void;
  fail(error: Error): void;
  /** When the daemon stopped it, by performance.now(), and why. */
  readonly stopped: Promise<{ readonly atMs: number; readonly reason: unknown }>;
  /** How many pieces the daemon has taken. */
  readonly taken: number;
}

export interface ToldProvider {
  readonly provider: ScriptedProvider;
  /** The answer of the call with this number, from 0; waits until it is asked. */
  answer(number: number): Promise<ToldAnswer>;
}

type Told = string | { readonly end: Error | undefined };

/** A provider that says what the test tells it, when the test tells it. */
export function toldProvider(): ToldProvider {
  const answers: PromiseWithResolvers<ToldAnswer>[] = [];
  const slot = (number: number): PromiseWithResolvers<ToldAnswer> => (answers[number] ??= Promise.withResolvers());
  let calls = 0;

  const provider = scriptedProvider('p', async function* (_request, { signal }): AsyncGenerator<ProviderEvent> {
    const queue: Told[] = [];
    let taken = 0;
    let more = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<{ atMs: number; reason: unknown }>();
    const tell = (...told: readonly Told[]): void => {
      queue.push(...told);
      more.resolve();
    };
    signal.addEventListener('abort', () => {
      stopped.resolve({ atMs: performance.now(), reason: signal.reason });
      more.resolve();
    });
    slot(calls++).resolve({
      say: (...texts) => tell(...texts),
      finish: () => tell({ end: undefined }),
      fail: (error) => tell({ end: error }),
      stopped: stopped.promise,
      get taken() {
        return taken;
      },
    });
    yield started();
    for (;;) {
      const told = queue.shift();
      if (signal.aborted) throw signal.reason;
      if (told === undefined) {
        more = Promise.withResolvers();
        await more.promise;
      } else if (typeof told === 'string') {
        // Each piece comes in a turn of its own, as from a socket.
        await new Promise(setImmediate);
        taken++;
        yield say(told);
      } else if (told.end === undefined) {
        yield done();
        return;
      } else throw told.end;
    }
  });
  return { provider, answer: (number) => slot(number).promise };
}
