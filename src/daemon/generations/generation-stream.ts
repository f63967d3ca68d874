import type { GenerateResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { Failure, invalidRequest } from '../failure.ts';
import type { GenerateEvent } from '../routing/generation.ts';
import type { Room } from '../routing/run-attempt.ts';
import { EventBuffer } from './event-buffer.ts';
import { eventWeight } from './event-weight.ts';
import { splitDelta, textLength } from './split-delta.ts';
import { StreamReader, type Write } from './stream-reader.ts';

/** The longest text of one message: in UTF-8 well under a response's 1 MiB. */
const MAX_TEXT = 256 * 1024;
/** How long a generation with an idempotency key goes on when the connection of its last reader was lost. */
const AWAY_MS = 60_000;

interface Capacity {
  readonly events: number;
  readonly bytes: number;
}

/** What one reader and no idempotency key hold: the end, for the case that the connection is lost in the last moment. */
const NARROW: Capacity = { events: 16, bytes: 16 * 1024 };
/** What an idempotency key or a second reader holds. */
const WIDE: Capacity = { events: 10_000, bytes: 4 * 1024 * 1024 };

/** What all streams together may hold. */
export interface Budget {
  /** Takes, or gives back, about so many bytes. */
  spend(bytes: number): void;
  /** Whether more is held than may be, by generations that run. */
  readonly isShort: boolean;
}

export interface StreamOptions {
  readonly client: string;
  /** Whether the same request may ask for it again. */
  readonly keyed: boolean;
  readonly budget: Budget;
}

export const resumeExpired = (generationId: string): Failure =>
  new Failure('RESUME_EXPIRED', 'the events that come next are no longer held; resume behind a later event, or ask again', { metadata: { generation: generationId } });

/**
 * A generation's events, apart from who reads them: numbered, the last ones held, followed by any number of readers. The fastest reader sets the
 * pace; one that falls out of what is held is cut off.
 */
export class GenerationStream {
  readonly client: string;
  readonly isKeyed: boolean;
  /** Empty until it is known. */
  id = '';
  readonly #budget: Budget;
  readonly #buffer = new EventBuffer();
  readonly #controller = new AbortController();
  #over: PromiseWithResolvers<void> | undefined;
  #capacity: Capacity;
  #readers: readonly StreamReader[] = [];
  #end: { readonly failure: unknown } | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #awayTimer: NodeJS.Timeout | undefined;
  #onRead: (() => void) | undefined;
  #isHeld = true;

  constructor({ client, keyed, budget }: StreamOptions) {
    this.client = client;
    this.isKeyed = keyed;
    this.#budget = budget;
    this.#capacity = keyed ? WIDE : NARROW;
  }

  /** Fires, with a Failure as its reason, when nobody wants the generation any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves when the generation has ended, however. */
  get over(): Promise<void> {
    if (this.#end !== undefined) return Promise.resolve();
    this.#over ??= Promise.withResolvers();
    return this.#over.promise;
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Whether it goes on, or ended well. */
  get isGood(): boolean {
    return this.#end === undefined ? !this.signal.aborted : this.#end.failure === undefined;
  }

  /** Whether somebody follows it. */
  get isRead(): boolean {
    return this.#readers.length > 0;
  }

  /** Whether what it said is still held. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether its first event is still held. */
  get isWhole(): boolean {
    return this.#buffer.first === 0;
  }

  /** Takes the next event. Returns a promise when the readers must catch up first. */
  emit(event: GenerateEvent): Room {
    if (textLength(event) <= MAX_TEXT) this.#add(event);
    else for (const piece of splitDelta(event, MAX_TEXT)) this.#add(piece);
    if (!this.#mustWait()) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** The generation has ended: well, or with this failure. */
  settle(failure?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { failure };
    clearTimeout(this.#awayTimer);
    for (const reader of this.#readers) reader.end(failure);
    this.#over?.resolve();
    this.#tellIfRead();
  }

  /** Calls back, once, when the generation has ended and no reader has anything left to take. */
  onRead(callback: () => void): void {
    this.#onRead = callback;
    this.#tellIfRead();
  }

  /**
   * Sends the events behind `afterSeq` to a caller (undefined: from the first), those that are held and those that come. Throws
   * RESUME_EXPIRED, or REQUEST_INVALID for an event that never was.
   */
  attach(afterSeq: bigint | undefined, write: Write): StreamReader {
    const { first, end } = this.#buffer;
    if (afterSeq !== undefined && (afterSeq < 0n || afterSeq >= BigInt(end))) throw invalidRequest([{ field: 'after_seq', description: end === 0 ? 'no event has been sent yet; leave it unset' : `must be from 0 to ${end - 1}, the last event so far` }]);
    const next = afterSeq === undefined ? 0 : Number(afterSeq) + 1;
    if (next < first) throw resumeExpired(this.id);
    if (this.#readers.length > 0) this.#capacity = WIDE;
    const reader = new StreamReader({
      buffer: this.#buffer,
      next,
      write,
      onRoom: () => this.#makeRoom(),
      onDone: () => this.#forget(reader),
      onStall: (failure) => this.leave(reader, failure, true),
    });
    this.#readers = [...this.#readers, reader];
    clearTimeout(this.#awayTimer);
    if (this.#end === undefined) reader.pump();
    else reader.end(this.#end.failure);
    this.#makeRoom();
    return reader;
  }

  /**
   * A reader goes. When it was the last one, the generation is cancelled, and the reader's `done` waits for its end; unless it has an
   * idempotency key and the connection was `lost`: then it goes on for a while.
   */
  leave(reader: StreamReader, why: Failure, lost: boolean): void {
    if (!this.#readers.includes(reader)) return;
    reader.stop();
    if (this.#end !== undefined || this.#readers.length > 0) {
      reader.cut(why);
    } else if (lost && this.isKeyed && !this.signal.aborted) {
      this.#awayTimer = setTimeout(() => this.cancel(new Failure('CANCELLED', `the caller lost its connection and did not come back within ${AWAY_MS / 1000} s`)), AWAY_MS);
      reader.cut(why);
    } else {
      this.cancel(why);
      void this.over.then(() => reader.cut(this.#end?.failure ?? why));
    }
    this.#makeRoom();
  }

  /** Ends the generation's work. */
  cancel(why: Failure): void {
    clearTimeout(this.#awayTimer);
    this.#controller.abort(why);
    this.#makeRoom();
  }

  /** Holds nothing any more. */
  drop(): void {
    this.#isHeld = false;
    while (this.#buffer.count > 0) this.#budget.spend(-this.#buffer.dropFirst());
  }

  #add(event: GenerateEvent): void {
    const response: GenerateResponse = { seq: BigInt(this.#buffer.end), event };
    const weight = eventWeight(event);
    this.#buffer.push(response, weight);
    this.#budget.spend(weight);
    for (const reader of this.#readers) reader.pump();
    if (this.#isOverfull()) this.#trim();
  }

  #isOverfull(): boolean {
    const { count, bytes } = this.#buffer;
    return count > this.#capacity.events || bytes > this.#capacity.bytes || this.#budget.isShort;
  }

  /** Lets go of the oldest events. While nobody reads they stay, and the generation waits. */
  #trim(): void {
    while (this.#buffer.count > 0 && this.#isOverfull() && !this.#isUnattended()) {
      const { first } = this.#buffer;
      for (const reader of this.#readers) {
        if (reader.next > first) continue;
        if (this.#readers.length === 1) reader.writeNext();
        else reader.cut(resumeExpired(this.id));
      }
      this.#budget.spend(-this.#buffer.dropFirst());
    }
  }

  #isUnattended(): boolean {
    return this.#readers.length === 0 && !this.signal.aborted;
  }

  #mustWait(): boolean {
    if (this.signal.aborted) return false;
    const [first] = this.#readers;
    if (first === undefined) return this.#isOverfull();
    return first.isFull && this.#readers.every(({ isFull }) => isFull);
  }

  #makeRoom(): void {
    if (this.#room === undefined || this.#mustWait()) return;
    this.#room.resolve();
    this.#room = undefined;
  }

  #forget(reader: StreamReader): void {
    this.#readers = this.#readers.filter((other) => other !== reader);
    this.#makeRoom();
    this.#tellIfRead();
  }

  #tellIfRead(): void {
    if (this.#end === undefined || this.#readers.length > 0) return;
    this.#onRead?.();
    this.#onRead = undefined;
  }
}
