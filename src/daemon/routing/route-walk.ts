import { sleep } from '../clock.ts';
import { Failure } from '../failure.ts';
import { chooseAttempt, coolingFailure, fits, healthKeyOf, type Choice, type FitAttempt } from './choose-attempt.ts';
import { afterCandidate, followUp, isSameCandidate, type Stretch } from './follow-up.ts';
import { FREE, healthId, isFree, type Standing, type Visit } from './health-book.ts';
import type { PlannedAttempt, Route } from './plan-route.ts';
import { isRetryable, isUnsupported, wasNotCalled } from './provider-failure.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { Traffic } from './traffic.ts';

export interface WalkInput {
  readonly route: Route;
  readonly maxAttempts: number;
  /** Whether a provider that failed may be asked again. */
  readonly retries: boolean;
  readonly waitForCooldown: boolean;
  /** On the clock that never goes back. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly traffic: Traffic;
  /** Takes each attempt that is passed over. */
  readonly onSkip: (planned: PlannedAttempt, why: Failure) => void;
}

/** The attempt to make next, after a wait. */
export interface Step {
  readonly at: number;
  readonly planned: FitAttempt;
  readonly waitMs: number;
}

/** What may follow a failure: anything; only another key, provider or model; nothing. */
export type Allowance = 'all' | 'others' | 'nothing';

interface Failed {
  readonly at: number;
  readonly failure: Failure;
}

/** Goes along a route: who is asked next, who is passed over and why, and what the providers' health learns of it. Asks nobody itself. */
export class RouteWalk {
  readonly #input: WalkInput;
  readonly #tried = new Set<number>();
  /** Those that cannot take the request: not asked again, whatever they did before. */
  readonly #unfit = new Set<number>();
  readonly #failed: Failed[] = [];
  readonly #visits = new Map<number, Visit>();
  /** The keys that this call has asked: what they said concerns it more than what others heard. */
  readonly #own = new Set<string>();
  readonly #counted = new Set<string>();
  #made = 0;
  #noted = 0;

  constructor(input: WalkInput) {
    this.#input = input;
  }

  /** The failures so far, those of providers that were not called left out. */
  get failures(): readonly Failure[] {
    return this.#failed.map(({ failure }) => failure);
  }

  /**
   * The first attempt from here on. Where all fail lately, waits for the call that tries one out, and, where the caller allows it, for the
   * end of a cooldown. undefined when all are passed over by the plan; throws ALL_COOLING_DOWN.
   */
  async first(from = 0): Promise<Step | undefined> {
    const { route, traffic, signal, waitForCooldown, deadlineMs } = this.#input;
    const { health, clock } = traffic;
    const stretch = { from, to: route.attempts.length };
    let hasWaited = false;
    let hasTurn = true;
    for (;;) {
      const choice = this.#choose(stretch, !hasWaited);
      if (choice === undefined) {
        this.#passOver(stretch.to);
        return undefined;
      }
      if ('take' in choice) {
        const turnMs = hasTurn ? 0 : this.#turnMs(choice.take);
        hasTurn = true;
        if (turnMs === 0) return this.#step(choice.take);
        await sleep(turnMs, signal, clock);
        continue;
      }
      if (choice.waitFor === 'cooldown' && !(waitForCooldown && clock.monotonicMs() + choice.ms < deadlineMs)) throw this.#allCooling(stretch.to, choice.at, choice.ms);
      await health.change(choice.waitFor === 'cooldown' ? choice.ms : undefined, signal);
      hasWaited = true;
      hasTurn = false;
    }
  }

  /**
   * What follows a failed attempt: the next one that is ready, else the same one again after a wait, else one that cools down when it is
   * the last. undefined when the failure stands.
   */
  async after(at: number, failure: Failure, allowance: Allowance): Promise<Step | undefined> {
    const { route, maxAttempts } = this.#input;
    const uncalled = this.#isUncalled(at, failure);
    if (uncalled) {
      this.#leaveUncalled(at, failure);
      // When nobody is left behind it, one that was passed over because it cools down may be the only one.
      if (this.#failed.length === 0) return (await this.first(afterCandidate(route, at))) ?? this.first();
    } else {
      this.#failed.push({ at, failure });
    }
    if (allowance === 'nothing' || this.#made >= maxAttempts) return this.#end(at, failure);
    const stretch = followUp(route, at, uncalled ? this.failures : this.#failuresLike(at), uncalled);
    const next = this.#choose(stretch, true);
    const taken = next !== undefined && 'take' in next ? next : undefined;
    if (taken?.isCooling === false) return this.#moveOn(at, failure, taken.take);
    const again = allowance === 'all' ? this.#again() : undefined;
    if (again !== undefined) {
      if (again.at !== at) this.#leave(at, failure);
      return again;
    }
    if (taken !== undefined) return this.#moveOn(at, failure, taken.take);
    this.#passOver(stretch.to);
    return this.#end(at, failure);
  }

  /** The attempt that may join the one that is silent; undefined when none may. */
  beside(at: number): Step | undefined {
    const { route, maxAttempts } = this.#input;
    if (!route.mayGoOn || this.#made >= maxAttempts) return undefined;
    const choice = this.#choose({ from: afterCandidate(route, at), to: route.attempts.length }, false);
    return choice !== undefined && 'take' in choice ? this.#step(choice.take) : undefined;
  }

  /** An attempt failed while another one goes on. */
  failedBeside(at: number, failure: Failure): void {
    if (this.#isUncalled(at, failure)) return this.#leaveUncalled(at, failure);
    this.#failed.push({ at, failure });
    this.#leave(at, failure);
  }

  content(at: number): void {
    this.#visits.get(at)?.content();
  }

  succeeded(at: number): void {
    this.#visits.get(at)?.succeeded();
    this.#visits.delete(at);
  }

  /** An attempt was given up for another one. */
  cancelled(at: number): void {
    this.#visits.get(at)?.left();
    this.#visits.delete(at);
  }

  /** The call is over: what is still open counts as it stands. */
  close(): void {
    for (const at of this.#visits.keys()) this.#leave(at, this.#lastFailureOf(at));
  }

  #lastFailureOf(at: number): Failure | undefined {
    return this.#failed.findLast((failed) => failed.at === at)?.failure;
  }

  /** Only what it did before counts. */
  #leaveUncalled(at: number, failure: Failure): void {
    this.#made--;
    for (const [other, planned] of this.#input.route.attempts.entries()) {
      if (!this.#isSame(at, planned)) continue;
      this.#tried.add(other);
      if (isUnsupported(failure)) this.#unfit.add(other);
    }
    this.#leave(at, this.#lastFailureOf(at));
  }

  #isUncalled(at: number, failure: Failure): boolean {
    const planned = this.#input.route.attempts[at];
    return planned !== undefined && wasNotCalled(failure, planned);
  }

  #isSame(at: number, other: PlannedAttempt | undefined): boolean {
    const planned = this.#input.route.attempts[at];
    return planned !== undefined && other !== undefined && isSameCandidate(planned, other);
  }

  #failuresLike(at: number): readonly Failure[] {
    return this.#failed.filter((failed) => this.#isSame(at, this.#input.route.attempts[failed.at])).map(({ failure }) => failure);
  }

  #standing(planned: FitAttempt): Standing {
    const key = healthKeyOf(planned);
    return this.#own.has(healthId(key)) ? FREE : this.#input.traffic.health.standing(key);
  }

  #choose({ from, to }: Stretch, trySole: boolean): Choice {
    return chooseAttempt({ attempts: this.#input.route.attempts, from, to, tried: this.#tried, standing: (planned) => this.#standing(planned), trySole });
  }

  #turnMs(at: number): number {
    const planned = this.#input.route.attempts[at];
    return planned !== undefined && fits(planned) ? this.#input.traffic.health.turnMs(healthKeyOf(planned)) : 0;
  }

  /** Enters an attempt that was not made yet. */
  #step(at: number): Step {
    const { route, traffic } = this.#input;
    const planned = route.attempts[at];
    if (planned === undefined || !fits(planned)) throw new Error('a planned skip cannot be asked');
    this.#passOver(at);
    const key = healthKeyOf(planned);
    this.#tried.add(at);
    this.#own.add(healthId(key));
    this.#visits.set(at, traffic.health.begin(key));
    traffic.retryBudget.count(key.provider);
    this.#made++;
    return { at, planned, waitMs: 0 };
  }

  #moveOn(at: number, failure: Failure, next: number): Step {
    this.#leave(at, failure);
    return this.#step(next);
  }

  #end(at: number, failure: Failure): undefined {
    this.#leave(at, failure);
    return undefined;
  }

  /** The last that failed once more, when that may help, the time allows it and the provider's budget does. */
  #again(): Step | undefined {
    const { retries, traffic, deadlineMs, route } = this.#input;
    const { clock, random, retryBudget, health } = traffic;
    const last = this.#failed.at(-1);
    const planned = last === undefined ? undefined : route.attempts[last.at];
    if (!retries || last === undefined || this.#unfit.has(last.at) || planned === undefined || !fits(planned)) return undefined;
    const waitMs = retryDelayMs(last.failure, this.#failed.filter(({ at }) => at === last.at).length - 1, random());
    if (waitMs === undefined || clock.monotonicMs() + waitMs >= deadlineMs || !retryBudget.take(planned.instance.name)) return undefined;
    if (!this.#visits.has(last.at)) this.#visits.set(last.at, health.begin(healthKeyOf(planned)));
    this.#made++;
    return { at: last.at, planned, waitMs };
  }

  /** The call goes elsewhere, or ends: a failure that may pass counts once for its key. */
  #leave(at: number, failure: Failure | undefined): void {
    const visit = this.#visits.get(at);
    const planned = this.#input.route.attempts[at];
    this.#visits.delete(at);
    if (visit === undefined || planned === undefined || !fits(planned)) return;
    const id = healthId(healthKeyOf(planned));
    if (failure === undefined || !isRetryable(failure) || this.#counted.has(id)) return visit.left();
    this.#counted.add(id);
    visit.failed(failure);
  }

  /** Notes whom the call goes past on its way to `to`. */
  #passOver(to: number): void {
    const { route, traffic, onSkip } = this.#input;
    for (const planned of route.attempts.slice(this.#noted, to)) {
      const standing = fits(planned) ? this.#standing(planned) : FREE;
      if (!fits(planned)) onSkip(planned, planned.skip);
      else if (!isFree(standing)) onSkip(planned, coolingFailure(planned, standing, traffic.clock.wallMs()));
    }
    this.#noted = Math.max(this.#noted, to);
  }

  #allCooling(to: number, soonest: number, ms: number): Failure {
    this.#passOver(to);
    const name = this.#input.route.attempts[soonest]?.instance.name ?? '';
    return new Failure('ALL_COOLING_DOWN', `every provider of this route failed lately and cools down; ${name} is back in ${Math.ceil(ms / 1000)} s`, { metadata: { retryable: 'true' }, retryAfterMs: ms });
  }
}
