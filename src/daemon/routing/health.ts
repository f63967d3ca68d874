import type { Failure, Reason } from '../failure.ts';

/** How the calls with one key of one provider have gone, since it failed. */
export interface Health {
  /** Failed calls in a row, when the last one failed: see `failuresAt`. */
  readonly failures: number;
  readonly lastFailureMs: number;
  readonly coolsUntilMs: number;
  /** The last failure's. */
  readonly reason: Reason;
}

/** After the first failure in a row, the second, and every further one. */
const COOLDOWNS_MS: readonly number[] = [60_000, 120_000, 300_000];
/** The longest that a provider's own hint is believed. */
export const MAX_COOLDOWN_MS = 3_600_000;
/** One failure is forgotten each time so long has passed without another. */
const DECAY_MS = 600_000;

/** The failures in a row that are not forgotten yet. */
export const failuresAt = ({ failures, lastFailureMs }: Health, nowMs: number): number => Math.max(0, failures - Math.floor(Math.max(0, nowMs - lastFailureMs) / DECAY_MS));

/** How long the key is to be left alone yet. A wait that no failure can have set comes of a clock that was put back, and is over. */
export function cooldownLeftMs({ coolsUntilMs }: Health, nowMs: number): number {
  const left = coolsUntilMs - nowMs;
  return left > 0 && left <= MAX_COOLDOWN_MS ? left : 0;
}

/** Whether the failures are forgotten, and the cooldown is long over: then it is as if there had been none. */
export const isForgotten = (health: Health, nowMs: number): boolean => failuresAt(health, nowMs) === 0 && nowMs - health.coolsUntilMs >= DECAY_MS;

const hinted = (retryAfterMs: number): number => Math.min(retryAfterMs, MAX_COOLDOWN_MS);

/** One more failed call: what the provider asked for wins over our own steps, longer or shorter. */
export function afterFailure(before: Health | undefined, { reason, retryAfterMs }: Pick<Failure, 'reason' | 'retryAfterMs'>, nowMs: number): Health {
  const failures = (before === undefined ? 0 : failuresAt(before, nowMs)) + 1;
  const own = COOLDOWNS_MS[Math.min(failures, COOLDOWNS_MS.length) - 1] ?? 0;
  return { failures, lastFailureMs: nowMs, coolsUntilMs: nowMs + (retryAfterMs === undefined ? own : hinted(retryAfterMs)), reason };
}

/** A call that ran while another one failed met the same trouble: it counts no more, but what it was told may be longer. */
export function afterSameTrouble(before: Health, { retryAfterMs }: Pick<Failure, 'retryAfterMs'>, nowMs: number): Health {
  return retryAfterMs === undefined ? before : { ...before, coolsUntilMs: Math.max(before.coolsUntilMs, nowMs + hinted(retryAfterMs)) };
}
