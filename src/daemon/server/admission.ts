import { Failure } from '../failure.ts';
import type { LimitsConfig } from '../config/config.ts';

/** The longest wait for a place. */
const MAX_WAIT_MS = 10_000;
/** The most that wait, of all clients. */
const MAX_QUEUE = 256;

interface Waiter {
  readonly client: string;
  admit(): void;
  refuse(failure: Failure): void;
}

const overloaded = (why: string): Failure => new Failure('DAEMON_OVERLOADED', `${why}; try again in a moment`, { retryAfterMs: 1000 });

/** Gives out the places for generations: so many in all, so many per client, a short queue, and turns between clients. */
export class Admission {
  readonly #limits: () => LimitsConfig;
  readonly #running = new Map<string, number>();
  #total = 0;
  #queue: Waiter[] = [];

  constructor(limits: () => LimitsConfig) {
    this.#limits = limits;
  }

  /** Takes a place; the returned function gives it back. Waits up to 10 s. Throws DAEMON_OVERLOADED, or the signal's reason. */
  async enter(client: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (!this.#hasPlace(client)) await this.#wait(client, signal);
    else this.#take(client);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#leave(client);
    };
  }

  #hasPlace(client: string): boolean {
    const { streams, streamsPerClient } = this.#limits();
    return this.#total < streams && (this.#running.get(client) ?? 0) < streamsPerClient;
  }

  #take(client: string): void {
    this.#total++;
    this.#running.set(client, (this.#running.get(client) ?? 0) + 1);
  }

  #leave(client: string): void {
    this.#total--;
    const left = (this.#running.get(client) ?? 1) - 1;
    if (left === 0) this.#running.delete(client);
    else this.#running.set(client, left);
    this.#next();
  }

  #wait(client: string, signal: AbortSignal): Promise<void> {
    const { queuePerClient, streams, streamsPerClient } = this.#limits();
    const mine = this.#queue.filter((waiter) => waiter.client === client).length;
    if (mine >= queuePerClient) throw overloaded(`"${client}" has ${streamsPerClient} generations running or all ${streams} places are taken, and ${mine} more wait`);
    if (this.#queue.length >= MAX_QUEUE) this.#makeRoom(mine);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leaveQueue = (error: unknown): void => {
      this.#queue = this.#queue.filter((other) => other !== waiter);
      finish();
      reject(error instanceof Error ? error : new Error('gave up waiting', { cause: error }));
    };
    const onAbort = (): void => leaveQueue(signal.reason);
    const timer = setTimeout(() => leaveQueue(overloaded(`no place became free within ${MAX_WAIT_MS / 1000} s`)), MAX_WAIT_MS);
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    const waiter: Waiter = {
      client,
      admit: () => {
        finish();
        this.#take(client);
        resolve();
      },
      refuse: (failure) => leaveQueue(failure),
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#queue.push(waiter);
    return promise;
  }

  /** A full queue refuses the last of the client that has most waiting, which may be the one that asks. */
  #makeRoom(mine: number): void {
    const waiting = new Map<string, Waiter[]>();
    for (const waiter of this.#queue) waiting.set(waiter.client, [...(waiting.get(waiter.client) ?? []), waiter]);
    const most = [...waiting.values()].reduce((a, b) => (b.length > a.length ? b : a), []);
    const full = overloaded(`the daemon is full: ${this.#queue.length} generations wait`);
    const last = most.at(-1);
    if (last === undefined || most.length <= mine + 1) throw full;
    last.refuse(full);
  }

  /** The next place goes to the client that has the fewest, so that a busy client cannot starve a quiet one. */
  #next(): void {
    const runningOf = (waiter: Waiter): number => this.#running.get(waiter.client) ?? 0;
    const ready = this.#queue.filter(({ client }) => this.#hasPlace(client));
    const [first, ...others] = ready;
    if (first === undefined) return;
    const next = others.reduce((best, waiter) => (runningOf(waiter) < runningOf(best) ? waiter : best), first);
    this.#queue = this.#queue.filter((waiter) => waiter !== next);
    next.admit();
  }
}
