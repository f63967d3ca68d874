import type { Clock } from '../clock.ts';

const WINDOW_MS = 10_000;
const BUCKET_MS = 1000;
/** Of the calls within a window, so many may be repeated. */
const SHARE = 0.1;
const MIN_RETRIES = 3;

interface Bucket {
  readonly startMs: number;
  calls: number;
  retries: number;
}

/** Keeps retries from making a provider's trouble worse: at most a tenth of its calls, but three in ten seconds. */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a call that is no retry. */
  count(provider: string): void {
    this.#now(provider).calls++;
  }

  /** Whether one more retry is within the budget. Counts it when it is. */
  take(provider: string): boolean {
    const now = this.#now(provider);
    let calls = 0;
    let retries = 0;
    for (const bucket of this.#buckets.get(provider) ?? []) {
      calls += bucket.calls;
      retries += bucket.retries;
    }
    if (retries >= Math.max(MIN_RETRIES, Math.floor(calls * SHARE))) return false;
    now.retries++;
    return true;
  }

  #now(provider: string): Bucket {
    const nowMs = this.#clock.monotonicMs();
    const startMs = nowMs - (nowMs % BUCKET_MS);
    const held = this.#buckets.get(provider) ?? [];
    const recent = held[0] !== undefined && held[0].startMs <= nowMs - WINDOW_MS ? held.filter((bucket) => bucket.startMs > nowMs - WINDOW_MS) : held;
    let last = recent.at(-1);
    if (last === undefined || last.startMs !== startMs) recent.push((last = { startMs, calls: 0, retries: 0 }));
    this.#buckets.set(provider, recent);
    return last;
  }
}
