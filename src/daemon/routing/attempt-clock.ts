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
  #phase: 'connecting' | 'waiting' | 'streaming' = 'connecting';
  #since = performance.now();
  #pausedAt: number | undefined;
  #phaseTimer: NodeJS.Timeout | undefined;
  readonly #attemptTimer: NodeJS.Timeout | undefined;

  constructor(provider: string, limits: AttemptLimits, onExpire: (failure: Failure) => void) {
    this.#provider = provider;
    this.#limits = limits;
    this.#onExpire = onExpire;
    this.#arm(limits.connectMs);
    const { attemptMs } = limits;
    if (attemptMs !== null) this.#attemptTimer = setTimeout(() => this.#expire(new Failure('ATTEMPT_TIMEOUT', `${provider} did not finish within ${seconds(attemptMs)} (attempt_timeout)`)), attemptMs);
  }

  accepted(): void {
    this.#phase = 'waiting';
    this.#since = performance.now();
    this.#arm(this.#limits.firstTokenMs);
  }

  content(): void {
    this.#since = performance.now();
    if (this.#phase === 'streaming') return;
    this.#phase = 'streaming';
    this.#arm(this.#limits.idleMs);
  }

  pause(): void {
    this.#pausedAt = performance.now();
  }

  resume(): void {
    this.#pausedAt = undefined;
    this.#since = performance.now();
  }

  stop(): void {
    clearTimeout(this.#phaseTimer);
    clearTimeout(this.#attemptTimer);
  }

  #limitMs(): number {
    const { connectMs, firstTokenMs, idleMs } = this.#limits;
    return { connecting: connectMs, waiting: firstTokenMs, streaming: idleMs }[this.#phase];
  }

  #arm(ms: number): void {
    clearTimeout(this.#phaseTimer);
    this.#phaseTimer = setTimeout(() => this.#check(), ms);
  }

  #check(): void {
    const limitMs = this.#limitMs();
    const left = limitMs - (performance.now() - this.#since);
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
