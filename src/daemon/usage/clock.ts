/** Two clocks: one that people set, and one that only goes forward. */
export interface Clock {
  /** Milliseconds since 1970. May jump either way. */
  now(): number;
  /** Milliseconds since some moment. Never goes back. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
