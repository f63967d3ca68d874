import type { JournalLog } from './prepare.ts';
import type { Reserve } from './reserve.ts';

/** Whether records can be written, and what is done about it when not. */
export interface Health {
  /** undefined when all is well. `full`: only what ends a running call is written, as long as the reserve lasts. */
  readonly trouble: { readonly kind: 'full' | 'broken'; readonly problem: string } | undefined;
  /** There was no room for a record. Gives the reserve back; true when that made room. */
  full(error: Error): Promise<boolean>;
  /** Nobody knows what the file holds. */
  broken(error: Error): void;
  /** Resolves when all is well and the reserve is there. */
  whenWell(): Promise<void>;
  close(): Promise<void>;
}

export interface HealthOptions {
  readonly dir: string;
  readonly log: JournalLog;
  readonly reserve: Reserve;
  /** Opens the journal again after `broken`. Throws when it is still broken. */
  readonly reopen: () => Promise<void>;
}

const FULL_RETRY_MS = 1000;
const BROKEN_RETRY_MS = 50;
const MAX_BROKEN_RETRY_MS = 4000;

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

export function watchHealth({ dir, log, reserve, reopen }: HealthOptions): Health {
  let trouble: Health['trouble'];
  let isReserved = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let retryMs = BROKEN_RETRY_MS;
  let well = Promise.withResolvers<void>();
  let mending: Promise<void> = Promise.resolve();

  function schedule(ms: number): void {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void (mending = mending.then(mend)), ms).unref();
  }

  function fall(kind: 'full' | 'broken', problem: string): void {
    if (trouble?.problem !== problem) log.error({ problem }, 'the journal cannot be written: no call is made until it can');
    if (trouble === undefined && isReserved) well = Promise.withResolvers();
    trouble = { kind, problem };
  }

  function recover(): void {
    if (trouble !== undefined) log.info('the journal can be written again');
    trouble = undefined;
    isReserved = true;
    retryMs = BROKEN_RETRY_MS;
    well.resolve();
  }

  const noRoom = (cause: string): string => `the disk that holds ${dir} is full (${cause}). Make room; it goes on by itself`;

  async function mend(): Promise<void> {
    const mended = trouble;
    try {
      if (mended?.kind === 'broken') await reopen();
      const isMade = await reserve.make();
      // It broke meanwhile: that has its own turn.
      if (trouble !== mended) return;
      if (isMade) return recover();
      fall('full', noRoom('no room for a reserve'));
      schedule(FULL_RETRY_MS);
    } catch (error) {
      fall('broken', asError(error).message);
      schedule(retryMs);
      retryMs = Math.min(retryMs * 2, MAX_BROKEN_RETRY_MS);
    }
  }

  mending = mend();
  return {
    get trouble() {
      return trouble;
    },
    async full(error) {
      // The way out of `broken` waits for the write that failed here, so this must not wait for it.
      if (trouble === undefined) await mending;
      if (trouble !== undefined) return false;
      fall('full', noRoom(error.message));
      isReserved = false;
      schedule(FULL_RETRY_MS);
      try {
        await reserve.release();
        return true;
      } catch (worse) {
        log.error({ err: worse }, 'the reserve of the journal cannot be given back to the disk');
        return false;
      }
    },
    broken(error) {
      fall('broken', error.message);
      schedule(retryMs);
    },
    whenWell: () => well.promise,
    async close() {
      closed = true;
      clearTimeout(timer);
      await mending;
    },
  };
}
