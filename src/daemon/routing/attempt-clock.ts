import type { Clock } from '../clock.ts';
import { Failure } from '../failure.ts';

/** How long one attempt may take, in milliseconds. */
export interface AttemptLimits {
  readonly connectMs: number;
  /** From the accepted connection to the first content. */
  readonly firstTokenMs: number;
  /** Between content. */
  readonly idleMs: number;
  /** In all; null is without limit. */
  readonly attemptMs: number | null;
}

const seconds = (ms: number): string => `${ms / 1000} s`;

/**
 * Watches one attempt and calls back once, when a limit is over. Content only moves a time stamp: the timer looks at it when it
 * fires, so a token costs no timer. While the caller's reader is slow the clock stands still.
 */
export class AttemptClock {
  readonly #limits: AttemptLimits;
  readonly #onExpire: (failure: Failure) => void;
  readonly #provider: string;
  readonly #clock: Clock;
  #phase: 'connecting' | 'waiting' | 'streaming' = 'connecting';
  #since: number;
  #pausedAt: number | undefined;
  /** When the timer that runs looks at the clock. */
  #looksAt = Number.POSITIVE_INFINITY;
  #stopPhase = (): void => {};
  readonly #stopAttempt: () => void = () => {};

  constructor(provider: string, limits: AttemptLimits, clock: Clock, onExpire: (failure: Failure) => void) {
    this.#provider = provider;
    this.#limits = limits;
    this.#clock = clock;
    this.#onExpire = onExpire;
    this.#since = clock.monotonicMs();
    this.#arm(limits.connectMs);
    const { attemptMs } = limits;
    if (attemptMs !== null) this.#stopAttempt = clock.after(attemptMs, () => this.#expire(new Failure('ATTEMPT_TIMEOUT', `${provider} did not finish within ${seconds(attemptMs)} (attempt_timeout)`)));
  }

  accepted(): void {
    this.#enter('waiting');
  }

  content(): void {
    if (this.#phase === 'streaming') this.#since = this.#clock.monotonicMs();
    else this.#enter('streaming');
  }

  pause(): void {
    this.#pausedAt = this.#clock.monotonicMs();
  }

  resume(): void {
    this.#pausedAt = undefined;
    this.#since = this.#clock.monotonicMs();
  }

  stop(): void {
    this.#stopPhase();
    this.#stopAttempt();
  }

  #limitMs(): number {
    const { connectMs, firstTokenMs, idleMs } = this.#limits;
    return { connecting: connectMs, waiting: firstTokenMs, streaming: idleMs }[this.#phase];
  }

  /** A timer that runs already and looks soon enough stays. */
  #enter(phase: 'waiting' | 'streaming'): void {
    this.#phase = phase;
    this.#since = this.#clock.monotonicMs();
    if (this.#since + this.#limitMs() < this.#looksAt) this.#arm(this.#limitMs());
  }

  #arm(ms: number): void {
    this.#stopPhase();
    this.#looksAt = this.#clock.monotonicMs() + ms;
    this.#stopPhase = this.#clock.after(ms, () => this.#check());
  }

  #check(): void {
    const limitMs = this.#limitMs();
    const left = limitMs - (this.#clock.monotonicMs() - this.#since);
    if (this.#pausedAt !== undefined) this.#arm(limitMs);
    else if (left > 1) this.#arm(left);
    else this.#expire(this.#failure(limitMs));
  }

  #failure(limitMs: number): Failure {
    const limit = seconds(limitMs);
    switch (this.#phase) {
      case 'connecting':
        return new Failure('CONNECT_TIMEOUT', `${this.#provider} did not accept a connection within ${limit} (connect_timeout)`);
      case 'waiting':
        return new Failure('FIRST_TOKEN_TIMEOUT', `${this.#provider} sent nothing within ${limit} (first_token_timeout)`);
      default:
        return new Failure('IDLE_TIMEOUT', `${this.#provider} was silent for ${limit} in the middle of its answer (idle_timeout)`);
    }
  }

  #expire(failure: Failure): void {
    this.stop();
    this.#onExpire(failure);
  }
}
