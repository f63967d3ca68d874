import type { GenerateResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { Failure } from '../failure.ts';
import type { EventBuffer } from './event-buffer.ts';

/** What may wait in a reader's connection before it is written to no further. */
const MAX_WAITING = 128 * 1024;
/** What a message takes in the connection beside what it takes here. */
const MESSAGE_BYTES = 256;
/** A reader that takes nothing for this long has gone, whatever its socket says. */
const STALL_MS = 60_000;

/** Writes one event to the caller; `done` when its connection has taken it. */
export type Write = (response: GenerateResponse, done: () => void) => unknown;

export interface ReaderParts {
  readonly buffer: EventBuffer;
  /** The seq of the first event that it gets. */
  readonly next: number;
  readonly write: Write;
  /** It has room again. */
  readonly onRoom: () => void;
  /** It has got everything, or was cut off. */
  readonly onDone: () => void;
  readonly onStall: (failure: Failure) => void;
}

/** One caller that follows a generation, at its own pace. */
export class StreamReader {
  readonly #parts: ReaderParts;
  readonly #done = Promise.withResolvers<void>();
  #next: number;
  #waiting = 0;
  #full = false;
  #end: { readonly failure: unknown } | undefined;
  #isDone = false;
  #stallTimer: NodeJS.Timeout | undefined;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#next = parts.next;
  }

  /** Resolves when everything was taken. Throws what the generation failed with, once all before that was written. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** The seq of the event that it gets next. */
  get next(): number {
    return this.#next;
  }

  /** Whether it has to catch up before it can take more. */
  get isFull(): boolean {
    return this.#full || this.#next < this.#parts.buffer.end;
  }

  /** Writes what there is, as long as there is room. */
  pump(): void {
    while (!this.#full && !this.#isDone && this.#next < this.#parts.buffer.end) this.writeNext();
    this.#finish();
  }

  /** Writes one event, whether or not there is room. */
  writeNext(): void {
    const { buffer, write } = this.#parts;
    const cost = buffer.weightAt(this.#next) + MESSAGE_BYTES;
    this.#waiting += cost;
    write(buffer.at(this.#next++), () => this.#taken(cost));
    if (this.#waiting > MAX_WAITING && !this.#full) {
      this.#full = true;
      this.#watchForStall();
    }
  }

  /** The generation is over: nothing comes behind what is held. `failure` is undefined when it ended well. */
  end(failure: unknown): void {
    this.#end = { failure };
    this.pump();
  }

  /** Takes no more, from now on. */
  stop(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearTimeout(this.#stallTimer);
    this.#parts.onDone();
  }

  /** Gives the reader up: `done` throws this. */
  cut(failure: unknown): void {
    this.stop();
    this.#done.reject(failure);
  }

  #taken(cost: number): void {
    this.#waiting -= cost;
    if (this.#isDone) return;
    if (this.#full && this.#waiting <= MAX_WAITING / 2) {
      this.#full = false;
      clearTimeout(this.#stallTimer);
      this.pump();
      if (!this.isFull) this.#parts.onRoom();
    } else if (this.#full) this.#watchForStall();
    else if (this.#end !== undefined) this.#finish();
  }

  #finish(): void {
    if (this.#end === undefined || this.#isDone || this.#next < this.#parts.buffer.end) return;
    const { failure } = this.#end;
    if (failure !== undefined) this.cut(failure);
    else if (this.#waiting > 0) this.#watchForStall();
    else {
      this.stop();
      this.#done.resolve();
    }
  }

  #watchForStall(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = setTimeout(() => this.#parts.onStall(new Failure('CANCELLED', `the caller read nothing for ${STALL_MS / 1000} s`)), STALL_MS);
  }
}
