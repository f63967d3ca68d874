import { Failure } from '../failure.ts';
import { isFree, type HealthKey, type Standing } from './health-book.ts';
import { healthId } from './health-book.ts';
import type { PlannedAttempt } from './plan-route.ts';

/** An attempt that the plan does not pass over. */
export type FitAttempt = Extract<PlannedAttempt, { readonly skip: undefined }>;

export const fits = (planned: PlannedAttempt): planned is FitAttempt => planned.skip === undefined;

export const healthKeyOf = ({ instance, key }: FitAttempt): HealthKey => ({ provider: instance.name, label: key?.label ?? '' });

/** What to do next with a part of a route. */
export type Choice =
  /** Ask this one. `isCooling` when it is asked only because there is no other. */
  | { readonly take: number; readonly isCooling: boolean }
  /** All fail, or are being tried out: wait until a probe ends, or until the first cooldown does, which is that of `at`. */
  | { readonly waitFor: 'probe' }
  | { readonly waitFor: 'cooldown'; readonly ms: number; readonly at: number }
  /** Nobody is left. */
  | undefined;

export interface ChoiceInput {
  readonly attempts: readonly PlannedAttempt[];
  /** The part of the route: `to` is behind its end. */
  readonly from: number;
  readonly to: number;
  /** Attempts that were made already. */
  readonly tried: ReadonlySet<number>;
  readonly standing: (planned: FitAttempt) => Standing;
  /** Whether one that cools down is asked when there is no other. */
  readonly trySole: boolean;
}

/** Picks the first that can be asked now; one that cools down only where no other key or provider is left. */
export function chooseAttempt({ attempts, from, to, tried, standing, trySole }: ChoiceInput): Choice {
  const open = attempts.slice(0, to).flatMap((planned, at) => (at >= from && fits(planned) && !tried.has(at) ? [{ at, id: healthId(healthKeyOf(planned)), ...standing(planned) }] : []));
  const [first] = open;
  if (first === undefined) return undefined;
  const free = open.find(isFree);
  if (free !== undefined) return { take: free.at, isCooling: false };
  const isSole = trySole && open.every(({ id }) => id === first.id);
  if (isSole && !first.isProbed) return { take: first.at, isCooling: true };
  // A probe that runs beyond its cooldown, or at the only provider, tells sooner than the clock.
  if (open.some(({ isProbed, coolsForMs }) => isProbed && (isSole || coolsForMs === undefined))) return { waitFor: 'probe' };
  const soonest = open.reduce((one, other) => ((other.coolsForMs ?? 0) < (one.coolsForMs ?? 0) ? other : one));
  return { waitFor: 'cooldown', ms: soonest.coolsForMs ?? 0, at: soonest.at };
}

const timeOf = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** Why a key that cools down, or is being tried out, is passed over. */
export function coolingFailure(planned: FitAttempt, { coolsForMs, health }: Standing, nowMs: number): Failure {
  const { name } = planned.instance;
  const until = coolsForMs === undefined ? 'is being tried out by another call' : `cools down until ${timeOf(nowMs + coolsForMs)}`;
  const why = health === undefined ? '' : ` after ${health.reason}`;
  return new Failure('ALL_COOLING_DOWN', `${name} ${until}${why}`, { metadata: { provider: name, model: planned.model, retryable: 'true' }, retryAfterMs: coolsForMs });
}
