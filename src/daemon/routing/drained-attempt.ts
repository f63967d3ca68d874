import type { Finish as ProviderFinish } from '../../gen/tollgate/provider/v1/provider_service.ts';
import type { Attempt, Cost } from '../../gen/tollgate/v1/content.ts';
import { Failure, type Reason } from '../failure.ts';
import type { AttemptAccount } from '../usage/generation-account.ts';
import { usageOf } from './attempt-log.ts';
import type { Drain, Drains } from './drains.ts';
import type { Candidate } from './resolve-model.ts';
import { runAttempt, type AttemptInput, type DeltaEvent } from './run-attempt.ts';

/** Whether the provider bills an answer to its end, whoever hangs up. Where that is not known its connection is closed. */
export const billsOn = ({ instance }: Candidate): boolean => instance.provider.manifest.cancelStopsBilling === false;

/** What is left of an attempt that was let go. */
export interface Rest {
  /** What it had come to by then, as far as can be told. */
  readonly costSoFar: Cost;
  /** Closes the connection. */
  stop(): void;
  /** Puts down in the record and in the books what it came to, once that is known. Never rejects. */
  close(entry: Attempt): Promise<void>;
}

/** Of a provider that said nothing for long nothing more is to be expected; and a daemon that stops has no time. */
const CLOSED_AT_ONCE: ReadonlySet<Reason> = new Set(['CONNECT_TIMEOUT', 'FIRST_TOKEN_TIMEOUT', 'IDLE_TIMEOUT', 'SHUTTING_DOWN']);

function bytesOf({ $case, value }: DeltaEvent): number {
  return $case === 'toolCallDelta' ? Buffer.byteLength(value.name) + Buffer.byteLength(value.argumentsJsonFragment) : Buffer.byteLength(value.text);
}

function closeBooks(end: ProviderFinish | Failure, entry: Attempt, books: AttemptAccount): void {
  const isWhole = !(end instanceof Failure);
  entry.usage = isWhole ? end.usage : usageOf(end);
  // A provider that refuses a request bills nothing.
  const wasTaken = isWhole || Number(end.metadata['http_status'] ?? 0) < 400;
  entry.cost = books.end({ usage: entry.usage, ...(isWhole ? { reportedPicoUsd: end.reportedCostPicoUsd, responseModel: end.responseModel } : {}), isWhole, wasTaken });
  entry.message = `${entry.message}; ${entry.provider} bills to the end all the same, ${isWhole ? 'and the rest was read for its usage' : 'but the end of the rest did not come'}`;
}

/**
 * Asks, once, a provider that bills an answer to its end. Whoever leaves before that is told so at once; the answer is read on within bounds, for
 * what the provider says of its cost; `onLetGo` takes what is left. The plugin's signal fires at the bounds. Throws as `runAttempt` does.
 */
export function runDrainedAttempt(input: AttemptInput, drains: Drains, books: AttemptAccount, onLetGo: (rest: Rest) => void): Promise<ProviderFinish> {
  const { controller } = input;
  const upstream = new AbortController();
  const told = Promise.withResolvers<ProviderFinish>();
  let isAccepted = false;
  let drain: Drain | undefined;
  const isLetGo = (): boolean => drain !== undefined;

  const whole = runAttempt({
    ...input,
    upstream,
    onAccepted(ignoredFields) {
      isAccepted = true;
      return input.onAccepted(ignoredFields);
    },
    onDelta(event) {
      if (drain === undefined) {
        try {
          return input.onDelta(event);
        } catch (error) {
          controller.abort(error);
          if (!isLetGo()) throw error;
        }
      } else {
        books.add(event);
      }
      drain?.took(bytesOf(event));
      return undefined;
    },
  });

  const onAbort = (): void => {
    const why: unknown = controller.signal.reason;
    const stop = (): void => upstream.abort(why);
    if (isAccepted && why instanceof Failure && !CLOSED_AT_ONCE.has(why.reason)) drain = drains.begin(stop);
    if (drain === undefined) return stop();
    const end = whole.catch((error: unknown) => (error instanceof Failure ? error : new Failure('INTERNAL', 'something unforeseen happened to an answer that was read on', { cause: error })));
    onLetGo({ costSoFar: books.letGo(), stop, close: async (entry) => closeBooks(await end, entry, books) });
    told.reject(why);
  };
  controller.signal.addEventListener('abort', onAbort, { once: true });
  whole.then(told.resolve, told.reject).finally(() => drain?.over());
  return told.promise;
}
