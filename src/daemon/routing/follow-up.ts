import type { Failure, Reason } from '../failure.ts';
import type { PlannedAttempt, Route } from './plan-route.ts';
import { isRetryable } from './provider-failure.ts';
import type { Candidate } from './resolve-model.ts';

/** What a provider says of one key: with another one of its keys the same request may do. */
const OF_THE_KEY: ReadonlySet<Reason> = new Set(['KEY_REJECTED', 'PROVIDER_PERMISSION_DENIED', 'PROVIDER_QUOTA_EXHAUSTED', 'RATE_LIMITED']);

export const isOfTheKey = (failure: Failure): boolean => OF_THE_KEY.has(failure.reason);

export const isSameCandidate = (one: Candidate, other: Candidate): boolean => one.instance === other.instance && one.model === other.model;

/** Where the next provider or model begins: past the other keys of the one that was asked. */
export function afterCandidate({ attempts }: Route, at: number): number {
  const asked = attempts[at];
  const next = attempts.findIndex((planned, index) => index > at && asked !== undefined && !isSameCandidate(planned, asked));
  return next < 0 ? attempts.length : next;
}

const canBeAsked = ({ skip }: PlannedAttempt): boolean => skip === undefined;

/**
 * Which attempt may follow the failed one: another key of the same provider and model when it was the key's failure, else the next
 * provider or model where the route allows that. `failures` are those of this provider and model. undefined when none may.
 */
export function followUp(route: Route, at: number, failures: readonly Failure[]): number | undefined {
  const beyond = afterCandidate(route, at);
  const last = failures.at(-1);
  if (last !== undefined && isOfTheKey(last) && at + 1 < beyond) return at + 1;
  const mayGoOn = route.mayGoOn && failures.some(isRetryable) && route.attempts.slice(beyond).some(canBeAsked);
  return mayGoOn ? beyond : undefined;
}
