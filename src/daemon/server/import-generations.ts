import type { ImportUsageRequest, ImportUsageResponse } from '../../gen/tollgate/v1/usage_service.ts';
import { Failure, invalidRequest } from '../failure.ts';
import type { UsageBook } from '../usage/usage-book.ts';
import { checkImported } from './check-imported.ts';
import type { CallScope } from './serve.ts';

/** Taken in at a time: one write to the disk serves them all. */
const TOGETHER = 64;

/** Says which message of the stream is wrong, counted from 1. */
function atPosition(error: unknown, position: number): unknown {
  if (!(error instanceof Failure) || error.reason !== 'REQUEST_INVALID') return error;
  return invalidRequest(error.violations.map(({ field, description }) => ({ field, description: `${description} (message ${position} of the stream)` })));
}

/**
 * Takes in a stream of generations. What was taken in before one that is wrong stays: who mends that one and sends all again has the
 * others counted as duplicates.
 */
export const importGenerations =
  (book: UsageBook) =>
  async (requests: AsyncIterable<ImportUsageRequest>, { caller, log }: CallScope): Promise<ImportUsageResponse> => {
    const counts = { imported: 0, duplicate: 0 };
    const running = new Set<Promise<void>>();
    let position = 0;
    let problem: { readonly error: unknown } | undefined;

    const takeIn = async ({ generation }: ImportUsageRequest, at: number): Promise<void> => {
      try {
        counts[await book.import(checkImported(generation))]++;
      } catch (error) {
        problem ??= { error: atPosition(error, at) };
      }
    };

    try {
      for await (const request of requests) {
        const work = takeIn(request, ++position).finally(() => running.delete(work));
        running.add(work);
        if (running.size >= TOGETHER) await Promise.race(running);
        if (problem !== undefined) break;
      }
    } finally {
      // Nothing goes on behind the answer.
      await Promise.all(running);
      log.info({ rpc: 'ImportUsage', client: caller.client, ...counts }, 'imported usage');
    }
    if (problem !== undefined) throw problem.error;
    return { importedCount: BigInt(counts.imported), duplicateCount: BigInt(counts.duplicate) };
  };
