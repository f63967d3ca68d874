import type { Failure } from '../failure.ts';
import { fits, type FitAttempt } from './choose-attempt.ts';
import { isSameCandidate } from './follow-up.ts';
import type { PlannedAttempt, Route } from './plan-route.ts';

/** Passes over each attempt that is ready, and that there is a reason against: once for all keys of a provider and model when the reason is the same. */
export function passOver(route: Route, reasonAgainst: (planned: FitAttempt, at: number) => Failure | undefined): Route {
  const attempts: PlannedAttempt[] = [];
  for (const [at, planned] of route.attempts.entries()) {
    const skip = fits(planned) ? reasonAgainst(planned, at) : undefined;
    if (skip === undefined) {
      attempts.push(planned);
      continue;
    }
    const last = attempts.at(-1);
    if (last?.isUnfit === true && isSameCandidate(last, planned)) continue;
    const { instance, model, because } = planned;
    attempts.push({ instance, model, ...(because === undefined ? {} : { because }), skip, isUnfit: true });
  }
  return { ...route, attempts };
}
