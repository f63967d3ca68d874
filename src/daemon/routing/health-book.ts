import type { Clock } from '../clock.ts';
import type { Failure } from '../failure.ts';
import { afterFailure, afterSameTrouble, cooldownLeftMs, failuresAt, isForgotten, type Health } from './health.ts';

/** Which key of which provider: health is kept for each. */
export interface HealthKey {
  readonly provider: string;
  /** "" is the default key, or none. */
  readonly label: string;
}

export interface HealthRecord extends HealthKey {
  readonly health: Health;
}

/** Whether a key may be called now. It is free when it neither cools down nor is being probed. */
export interface Standing {
  /** How long it cools down yet; undefined when it does not. */
  readonly coolsForMs: number | undefined;
  /** Whether a call that others wait for tries it out. */
  readonly isProbed: boolean;
  readonly health: Health | undefined;
}

export const isFree = ({ coolsForMs, isProbed }: Standing): boolean => coolsForMs === undefined && !isProbed;

export const FREE: Standing = { coolsForMs: undefined, isProbed: false, health: undefined };

/** What is told of a key's calls. */
export interface HealthReport {
  readonly failures: number;
  readonly coolsForMs: number | undefined;
  readonly reason: string;
  readonly lastCalledMs: number | undefined;
}

/** One call's use of a key. Exactly one of the last three ends it. */
export interface Visit {
  /** It answers: others need not wait for this call's end. */
  content(): void;
  /** It gave a whole answer. */
  succeeded(): void;
  /** The call ended, or went elsewhere, with a failure that may pass. */
  failed(failure: Pick<Failure, 'reason' | 'retryAfterMs'>): void;
  /** Nothing was learnt. */
  left(): void;
}

interface Entry extends HealthKey {
  health: Health | undefined;
  lastCalledMs: number | undefined;
  /** Counts the failures, so that a call knows whether another one failed meanwhile. */
  troubles: number;
  probe: Visit | undefined;
  /** Whether a probe got content since the last failure. */
  answers: boolean;
  nextTurnMs: number;
}

/** Those who waited for a provider go to it one by one, so that it is not knocked over again. */
const TURN_MS = 20;

export const healthId = ({ provider, label }: HealthKey): string => `${provider}/${label}`;

export interface HealthBookOptions {
  readonly clock: Clock;
  readonly initial?: readonly HealthRecord[];
  /** Something changed that outlives this daemon. */
  readonly onChange?: () => void;
}

/** How the calls with each key of each provider have gone, and who may call it now. */
export class HealthBook {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new Set<() => void>();

  constructor({ clock, initial = [], onChange = () => {} }: HealthBookOptions) {
    this.#clock = clock;
    this.#onChange = onChange;
    for (const { health, ...key } of initial) this.#entry(key).health = health;
  }

  standing(key: HealthKey): Standing {
    const entry = this.#entries.get(healthId(key));
    const nowMs = this.#clock.wallMs();
    if (entry?.health === undefined || entry.answers || isForgotten(entry.health, nowMs)) return FREE;
    return { coolsForMs: cooldownLeftMs(entry.health, nowMs) || undefined, isProbed: entry.probe !== undefined, health: entry.health };
  }

  /** Begins a call. Where the last ones failed and nobody tries the key out yet, this call does. */
  begin(key: HealthKey): Visit {
    const entry = this.#entry(key);
    const { troubles } = entry;
    const standing = this.standing(key);
    const isProbe = (): boolean => entry.probe === visit;
    const leave = (): void => {
      if (!isProbe()) return;
      entry.probe = undefined;
      this.#wake();
    };
    const visit: Visit = {
      content: () => {
        if (!isProbe()) return;
        entry.answers = true;
        leave();
      },
      succeeded: () => {
        // A call that began before the last failure knows nothing of the time since.
        if (entry.troubles === troubles && entry.health !== undefined) this.#forget(entry);
        leave();
      },
      failed: (failure) => {
        this.#fail(entry, failure, entry.troubles === troubles);
        leave();
      },
      left: leave,
    };
    if (standing.health !== undefined && !standing.isProbed) entry.probe = visit;
    entry.lastCalledMs = this.#clock.wallMs();
    return visit;
  }

  /** How long a caller who waited has to wait yet, so that not all go at once. Takes the turn. */
  turnMs(key: HealthKey): number {
    const entry = this.#entry(key);
    const nowMs = this.#clock.monotonicMs();
    const turnMs = Math.max(nowMs, entry.nextTurnMs);
    entry.nextTurnMs = turnMs + TURN_MS;
    return turnMs - nowMs;
  }

  /** Resolves when a probe has ended or failures were forgotten; after `ms` at the latest. Rejects with the signal's reason. */
  change(ms: number | undefined, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const end = (): void => {
        stop?.();
        this.#waiting.delete(onChange);
        signal.removeEventListener('abort', onAbort);
      };
      const onChange = (): void => {
        end();
        resolve();
      };
      const onAbort = (): void => {
        end();
        reject(signal.reason);
      };
      const stop = ms === undefined ? undefined : this.#clock.after(ms, onChange);
      this.#waiting.add(onChange);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Forgets the failures: of one key, of all keys of a provider, or all. */
  reset(provider?: string, label?: string): void {
    for (const entry of this.#entries.values()) {
      if ((provider === undefined || entry.provider === provider) && (label === undefined || entry.label === label)) this.#forget(entry);
    }
    this.#wake();
  }

  report(key: HealthKey): HealthReport {
    const entry = this.#entries.get(healthId(key));
    const { coolsForMs, health } = this.standing(key);
    const failures = entry?.health === undefined ? 0 : failuresAt(entry.health, this.#clock.wallMs());
    return { failures, coolsForMs, reason: health?.reason ?? entry?.health?.reason ?? '', lastCalledMs: entry?.lastCalledMs };
  }

  /** What outlives this daemon. */
  records(): readonly HealthRecord[] {
    const nowMs = this.#clock.wallMs();
    return [...this.#entries.values()].flatMap(({ provider, label, health }) => (health === undefined || isForgotten(health, nowMs) ? [] : [{ provider, label, health }]));
  }

  #entry(key: HealthKey): Entry {
    const id = healthId(key);
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = { provider: key.provider, label: key.label, health: undefined, lastCalledMs: undefined, troubles: 0, probe: undefined, answers: false, nextTurnMs: 0 };
      this.#entries.set(id, entry);
    }
    return entry;
  }

  #fail(entry: Entry, failure: Pick<Failure, 'reason' | 'retryAfterMs'>, isNew: boolean): void {
    const nowMs = this.#clock.wallMs();
    if (isNew || entry.health === undefined) {
      entry.health = afterFailure(entry.health, failure, nowMs);
      entry.troubles++;
      entry.answers = false;
    } else {
      entry.health = afterSameTrouble(entry.health, failure, nowMs);
    }
    this.#onChange();
  }

  #forget(entry: Entry): void {
    entry.answers = false;
    if (entry.health === undefined) return;
    entry.health = undefined;
    this.#onChange();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}
