import type { UpperBound } from '../ledger.ts';
import type { Span } from './price.ts';

/** A bound is made of half the bytes, a usual token of four of them (request-size.ts). */
const USUAL_SHARE = 2n;

/**
 * What a call used that a crash cut short: `outputTokens` of its last checkpoint, and the bound that was reserved for it, are all that is known. Maybe
 * the provider was not reached, and maybe it went on to the end.
 */
export function crashEstimate(outputTokens: number, { tokens, inputTokens = tokens }: UpperBound): { readonly input: Span; readonly output: Span } {
  const seen = BigInt(outputTokens);
  const limit = inputTokens === tokens ? tokens : tokens - inputTokens;
  return {
    input: { low: 0n, expected: inputTokens / USUAL_SHARE, high: inputTokens },
    output: { low: seen / USUAL_SHARE, expected: seen, high: limit < seen ? seen : limit },
  };
}
