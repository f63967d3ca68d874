import type { TokenUsage } from '../../../gen/tollgate/v1/content.ts';
import { usualTokens, type SeenAnswer } from './answer-meter.ts';
import type { Span } from './price.ts';
import { inputTokens, MOST_CHARACTERS_PER_TOKEN, type RequestSize } from './request-size.ts';

export interface EstimateContext {
  /** What the provider had reported when the answer broke off: its input counts stand. */
  readonly reported?: TokenUsage | undefined;
  /** The most that the answer could have: Bound.outputTokens where it was sent, or the request's limit. undefined when there was none. */
  readonly outputLimit?: bigint | undefined;
  /** Whether the model certainly thinks in the open, or not at all. Otherwise it may have been billed for up to the limit. */
  readonly hidesNothing?: boolean | undefined;
}

/** What a call used, as far as can be told from outside. */
export interface UsageEstimate {
  readonly input: Span;
  readonly output: Span;
  /** The best guess, for the record. Never shown as the provider's. */
  readonly expected: TokenUsage;
}

/** Every token has at least one byte; a provider counts a few more for its own marks, and may be a little ahead of what has arrived. */
const TOKENS_ADDED = 32;
const MOST_TOKENS_PER_CALL = 64;

function outputOf(seen: SeenAnswer, { outputLimit, hidesNothing }: EstimateContext): Span {
  const visible = BigInt(seen.textBytes + seen.reasoningBytes + TOKENS_ADDED + MOST_TOKENS_PER_CALL * seen.toolCalls);
  const unseen = hidesNothing === true ? 0n : outputLimit;
  return {
    // Thoughts are left out: a summary is not what was billed.
    low: BigInt(Math.floor(seen.textCharacters / MOST_CHARACTERS_PER_TOKEN)),
    expected: BigInt(usualTokens(seen)),
    high: unseen === undefined ? undefined : unseen > visible ? unseen : visible,
  };
}

const atLeast = (floor: bigint, count: bigint): bigint => (count < floor ? floor : count);

/**
 * Estimates what a call used of which the provider said nothing, or not all: it was hung up on, cut off, or crashed. `low` and `high` hold the truth; where
 * nothing of the answer had come, maybe nothing was billed.
 */
export function estimateUsage(seen: SeenAnswer, request: RequestSize, context: EstimateContext = {}): UsageEstimate {
  const { reported = {} } = context;
  const hasBegun = seen.textBytes + seen.reasoningBytes + seen.toolCalls > 0;
  const guess = inputTokens(request);
  const input = reported.inputTokens === undefined ? { ...guess, low: hasBegun ? guess.low : 0n } : { low: reported.inputTokens, expected: reported.inputTokens, high: reported.inputTokens };
  const output = outputOf(seen, context);
  const outputTokens = atLeast(reported.outputTokens ?? 0n, output.expected);
  return { input, output, expected: { ...reported, inputTokens: input.expected, outputTokens } };
}
