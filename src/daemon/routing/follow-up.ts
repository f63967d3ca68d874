import type { Failure, Reason } from '../failure.ts';
import type { Route } from './plan-route.ts';
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

/** A part of a route: `to` is behind its end. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * Which part of the route may follow the failed attempt: the other keys of the same provider and model when it was the key's failure, and
 * the next providers and models where the route allows that. `failures` are those of this provider and model. Empty when nothing may.
 */
export function followUp(route: Route, at: number, failures: readonly Failure[], wasNotCalled = false): Stretch {
  const beyond = afterCandidate(route, at);
  const last = failures.at(-1);
  const isOfKey = last !== undefined && isOfTheKey(last);
  // What one key's failure allowed, the caller's own mistake, which came to light with the next key, ends.
  const mayPass = last !== undefined && (isOfKey || isRetryable(last)) && failures.some(isRetryable);
  return { from: isOfKey && !wasNotCalled ? at + 1 : beyond, to: route.mayGoOn && mayPass ? route.attempts.length : beyond };
}
