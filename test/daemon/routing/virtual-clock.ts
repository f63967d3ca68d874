import type { Clock } from '../../../src/daemon/clock.ts';

export interface VirtualClock extends Clock {
  /** Lets time pass until a promise settles. Throws when it waits for nothing that time could bring. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Lets so much time pass, and all happen that falls into it. */
  advance(ms: number): Promise<void>;
}

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** All that can happen without time has happened. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A clock that stands still until it is told: hours pass in microseconds. */
export function virtualClock(startMs = Date.UTC(2026, 0, 1)): VirtualClock {
  let nowMs = 0;
  const timers = new Set<Timer>();

  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (first === undefined || timer.atMs < first.atMs) first = timer;
    return first;
  };
  const fire = (timer: Timer): void => {
    timers.delete(timer);
    nowMs = Math.max(nowMs, timer.atMs);
    timer.callback();
  };

  return {
    wallMs: () => startMs + nowMs,
    monotonicMs: () => nowMs,
    after(ms, callback) {
      const timer = { atMs: nowMs + Math.max(0, ms), callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async run(promise) {
      let isOver = false;
      const over = promise.then(
        () => (isOver = true),
        () => (isOver = true),
      );
      for (;;) {
        await Promise.race([over, settle()]);
        if (isOver) return promise;
        const timer = next();
        if (timer === undefined) throw new Error('it waits for something that never comes');
        fire(timer);
      }
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let timer = next(); timer !== undefined && timer.atMs <= untilMs; timer = next()) {
        fire(timer);
        await settle();
      }
      nowMs = untilMs;
    },
  };
}
