import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { apply, type LedgerState } from './fold.ts';
import type { Journal, JournalPosition, JournalRecord } from './journal-record.ts';

/** What happened to the state: a record is on the disk and counted. */
export interface Recorded {
  readonly record: JournalRecord;
  readonly position: JournalPosition;
  /** That the record brought. */
  readonly generation: Generation | undefined;
}

/** The one way in which records come about: on the disk first, in the state then, in the same order. */
export interface Recorder {
  /** Durable, and counted, when it resolves; `before` is called right before it is counted. Throws JOURNAL_UNAVAILABLE. */
  record(record: JournalRecord, before?: () => void): Promise<void>;
  /**
   * The same for the end of a request. When it cannot be written now it throws, and goes on trying. `generation` is what would be read from
   * the record.
   */
  recordEnd(record: JournalRecord, generation?: Generation): Promise<void>;
  /** Calls back after each record. Returns the way to stop that. */
  subscribe(onRecorded: (recorded: Recorded) => void): () => void;
  /** Tries what is left once more. */
  close(): Promise<void>;
}

const RETRY_MS = 1000;

export function recorder(journal: Journal, state: LedgerState): Recorder {
  const subscribers = new Set<(recorded: Recorded) => void>();
  const unwritten = new Map<JournalRecord, Generation | undefined>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  // One `then` on the journal's own promise: every record is counted at the moment at which it resolves, so none overtakes another.
  const record = (each: JournalRecord, before?: () => void, generation?: Generation): Promise<void> =>
    journal.append(each).then((position) => {
      before?.();
      const recorded = { record: each, position, generation: apply(state, each, position, generation) };
      for (const onRecorded of subscribers) onRecorded(recorded);
    });

  const retry = async (): Promise<void> => {
    await Promise.all(
      [...unwritten].map(async ([each, generation]) => {
        try {
          await record(each, undefined, generation);
          unwritten.delete(each);
        } catch {
          // The caller was told; the journal's owner says in the log what is wrong with it.
        }
      }),
    );
    timer = undefined;
    if (unwritten.size > 0 && !closed) retryLater();
  };
  const retryLater = (): void => {
    timer ??= setTimeout(() => void retry(), RETRY_MS).unref();
  };

  return {
    record: (each, before) => record(each, before),
    async recordEnd(each, generation) {
      try {
        await record(each, undefined, generation);
      } catch (error) {
        unwritten.set(each, generation);
        retryLater();
        throw error;
      }
    },
    subscribe(onRecorded) {
      subscribers.add(onRecorded);
      return () => subscribers.delete(onRecorded);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      if (unwritten.size > 0) await retry();
    },
  };
}
