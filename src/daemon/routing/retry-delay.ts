import type { Failure, Reason } from '../failure.ts';

/** The failures that asking the same provider again may cure. Not its silence: a time limit would only run once more. */
const WORTH_A_RETRY: ReadonlySet<Reason> = new Set(['RATE_LIMITED', 'PROVIDER_OVERLOADED', 'PROVIDER_UNAVAILABLE', 'RESPONSE_TRUNCATED']);

const BASE_MS = 250;
const MAX_BACKOFF_MS = 8000;
/** A provider that asks for more is not waited for inside a call. */
const MAX_HINT_MS = 60_000;

/**
 * How long to wait before the same provider is asked again after a failure: what it asked for, and a random part of 0.25 s, doubled
 * with each retry, at most 8 s. undefined when it shall not be asked again. `random` is from 0 to 1.
 */
export function retryDelayMs({ reason, retryAfterMs = 0 }: Pick<Failure, 'reason' | 'retryAfterMs'>, retries: number, random: number): number | undefined {
  if (!WORTH_A_RETRY.has(reason) || retryAfterMs > MAX_HINT_MS) return undefined;
  return retryAfterMs + random * Math.min(BASE_MS * 2 ** retries, MAX_BACKOFF_MS);
}
