import type { GenerateResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { Failure } from '../failure.ts';
import type { GenerateEvent } from '../routing/generation.ts';
import type { Room } from '../routing/run-attempt.ts';
import { splitDelta, textLength } from './split-delta.ts';

/** What one stream may hold for its reader before the provider is read no further. */
const MAX_WAITING = 128 * 1024;
/** What a message costs beside its text. */
const MESSAGE_COST = 512;
/** The longest text of one message: in UTF-8 well under a response's 1 MiB. */
const MAX_TEXT = 256 * 1024;
/** A reader that takes nothing for this long has gone, whatever its socket says. */
const STALL_MS = 60_000;

export interface Sink {
  write(message: GenerateResponse, done: () => void): unknown;
}

/**
 * Writes a generation's events to its caller: each at once, over-long ones in pieces. What the reader does not take stays bounded. What
 * arrives in one read is joined where it is read.
 */
export class EventWriter {
  readonly #sink: Sink;
  readonly #signal: AbortSignal;
  readonly #onStall: (failure: Failure) => void;
  #seq = 0n;
  #waiting = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(sink: Sink, signal: AbortSignal, onStall: (failure: Failure) => void) {
    this.#sink = sink;
    this.#signal = signal;
    this.#onStall = onStall;
    signal.addEventListener('abort', this.#release, { once: true });
  }

  /** Takes an event. Returns a promise when the reader must catch up first. */
  emit(event: GenerateEvent): Room {
    for (const piece of splitDelta(event, MAX_TEXT)) this.#write(piece);
    return this.#room?.promise;
  }

  /** Resolves when the reader has taken everything, or is given up: until then the generation holds its place. */
  drained(): Promise<void> {
    if (this.#waiting === 0 || this.#signal.aborted) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    this.#watchForStall();
    return this.#drained.promise;
  }

  /** Stops watching the reader. */
  close(): void {
    this.#signal.removeEventListener('abort', this.#release);
    this.#release();
  }

  #write(event: GenerateEvent): void {
    const cost = textLength(event) + MESSAGE_COST;
    this.#waiting += cost;
    this.#sink.write({ seq: this.#seq++, event }, () => this.#taken(cost));
    if (this.#waiting > MAX_WAITING && this.#room === undefined && !this.#signal.aborted) {
      this.#room = Promise.withResolvers();
      this.#watchForStall();
    }
  }

  #taken(cost: number): void {
    this.#waiting -= cost;
    if (this.#waiting === 0) this.#drained?.resolve();
    if (this.#room === undefined && this.#drained === undefined) return;
    clearTimeout(this.#stallTimer);
    if (this.#waiting <= MAX_WAITING / 2 && this.#room !== undefined) this.#release();
    else if (this.#waiting > 0) this.#watchForStall();
  }

  #watchForStall(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = setTimeout(() => this.#onStall(new Failure('CANCELLED', `the caller read nothing for ${STALL_MS / 1000} s`)), STALL_MS);
  }

  readonly #release = (): void => {
    clearTimeout(this.#stallTimer);
    this.#room?.resolve();
    this.#room = undefined;
    if (this.#signal.aborted) this.#drained?.resolve();
  };
}
