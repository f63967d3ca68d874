import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../clock.ts';

/** How long an answer is read on that nobody waits for, how much of its text, and how many of them at once in the daemon. */
const MAX_MS = 10_000;
const MAX_BYTES = 64 * 1024;
const MAX_DRAINS = 8;
/** How long books that wait for a drain may take when the daemon stops. */
const SETTLE_MS = 5000;

/** An answer that is read on. */
export interface Drain {
  /** So much more of its text came. */
  took(bytes: number): void;
  /** It has come to its end. */
  over(): void;
}

/**
 * Answers that nobody waits for any more and that are billed to their end all the same: they are read on, within bounds, because only their end
 * says what they cost.
 */
export class Drains {
  readonly #clock: Clock;
  readonly #stops = new Set<() => void>();
  readonly #books = new Set<Promise<void>>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Lets one more be read on; `stop` ends that at its bounds. undefined where there is no room: then it is closed at once. */
  begin(stop: () => void): Drain | undefined {
    if (this.#isClosed || this.#stops.size >= MAX_DRAINS) return undefined;
    let left = MAX_BYTES;
    const forgetTime = this.#clock.after(MAX_MS, stop);
    this.#stops.add(stop);
    return {
      took(bytes) {
        left -= bytes;
        if (left < 0) stop();
      },
      over: () => {
        forgetTime();
        this.#stops.delete(stop);
      },
    };
  }

  /** Watches over books that are closed when their drains are over: nobody else waits for that. */
  keep(settled: Promise<void>): void {
    // What cannot be written is tried again by the ledger.
    const books = settled.catch(() => {}).finally(() => this.#books.delete(books));
    this.#books.add(books);
  }

  /** Ends them all, and waits until the books say so. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
    if (this.#books.size > 0) await Promise.race([Promise.all(this.#books), delay(SETTLE_MS, undefined, { ref: false })]);
  }
}
