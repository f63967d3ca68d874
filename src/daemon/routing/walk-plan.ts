import { chooseAttempt, coolingFailure, fits, healthKeyOf, type FitAttempt } from './choose-attempt.ts';
import { afterCandidate } from './follow-up.ts';
import type { Failure } from '../failure.ts';
import { FREE, healthId, type Standing } from './health-book.ts';
import type { PlannedAttempt, Route } from './plan-route.ts';
import type { Traffic } from './traffic.ts';

/** An attempt of a route, and why it would be passed over; undefined when it would be made. */
export interface Foreseen {
  readonly planned: PlannedAttempt;
  readonly skip: Failure | undefined;
}

/** Which attempts a call would make now while none answers, and which it would pass over. What lies behind its last one is left out. */
export function walkPlan(route: Route, maxAttempts: number, { health, clock }: Pick<Traffic, 'health' | 'clock'>): readonly Foreseen[] {
  const asked = new Set<string>();
  const standing = (planned: FitAttempt): Standing => {
    const key = healthKeyOf(planned);
    return asked.has(healthId(key)) ? FREE : health.standing(key);
  };
  const passOver = (planned: PlannedAttempt): Foreseen => ({ planned, skip: fits(planned) ? coolingFailure(planned, standing(planned), clock.wallMs()) : planned.skip });

  const foreseen: Foreseen[] = [];
  let [from, to] = [0, route.attempts.length];
  for (let made = 0; made < maxAttempts; made++) {
    const choice = chooseAttempt({ attempts: route.attempts, from, to, tried: new Set(), standing, trySole: true });
    if (choice === undefined || !('take' in choice)) return [...foreseen, ...route.attempts.slice(from, to).map(passOver)];
    foreseen.push(...route.attempts.slice(from, choice.take).map(passOver));
    const planned = route.attempts[choice.take];
    if (planned === undefined || !fits(planned)) throw new Error('a planned skip cannot be asked');
    asked.add(healthId(healthKeyOf(planned)));
    foreseen.push({ planned, skip: undefined });
    from = choice.take + 1;
    // One on this machine may not be there, and is passed over then.
    if (!route.mayGoOn && !planned.instance.isLocal) to = Math.min(to, afterCandidate(route, choice.take));
  }
  return foreseen;
}
