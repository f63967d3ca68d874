/** What the name of a mock model asks for: `mock-n100-d20-t100-g1-x1`. */
export interface MockPlan {
  /** n: tokens of the answer. Default 20. */
  readonly tokens: number;
  /** d: milliseconds between two groups of tokens. Default 0. */
  readonly delayMs: number;
  /** t: milliseconds before the first token. Default 0. */
  readonly firstMs: number;
  /** g: tokens in one write; 0 is all in one. Default 1. */
  readonly group: number;
  /** x1: each token is `@@` and 14 digits, the monotonic clock in microseconds. Default off. */
  readonly stamped: boolean;
}

/** Reads a mock model's name. What it does not say takes its default. */
export function mockPlan(model: string): MockPlan {
  const option = (letter: string, otherwise: number): number => Number(new RegExp(`-${letter}(\\d+)`).exec(model)?.[1] ?? otherwise);
  return { tokens: option('n', 20), delayMs: option('d', 0), firstMs: option('t', 0), group: option('g', 1), stamped: option('x', 0) > 0 };
}
