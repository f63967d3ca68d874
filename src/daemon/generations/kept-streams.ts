import { Roster, type Place } from '../roster.ts';
import type { Budget, GenerationStream } from './generation-stream.ts';
import { KEY_MS } from './finished-keys.ts';

/** What all generations together may hold, those that run included. */
const MAX_BYTES = 64 * 1024 * 1024;
/** How long the end of a generation is held without an idempotency key. */
const BRIEF_MS = 60_000;
/** The most of those: a busy daemon ends thousands in that time. */
const MAX_BRIEF = 256;
const MAX_LONG = 10_000;
const SWEEP_MS = 10_000;

interface Kept {
  readonly stream: GenerationStream;
  /** When it ended, by performance.now(). */
  readonly endedMs: number;
}

/** The generations that have ended, for readers that come back. Makes room for those that run: the oldest goes first, but none that is read. */
export class KeptStreams implements Budget {
  readonly #brief = new Roster<Kept>();
  readonly #long = new Roster<Kept>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  get isShort(): boolean {
    return this.#bytes > MAX_BYTES;
  }

  spend(bytes: number): void {
    this.#bytes += bytes;
    while (this.isShort && this.#dropOldest()) continue;
  }

  /** Keeps one that has ended: briefly, or as long as an idempotency key stands. */
  add(stream: GenerationStream): void {
    if (stream.id === '') {
      stream.drop();
      return;
    }
    const isLong = stream.isKeyed && stream.isGood;
    const shelf = isLong ? this.#long : this.#brief;
    shelf.add({ stream, endedMs: performance.now() });
    if (shelf.size > (isLong ? MAX_LONG : MAX_BRIEF)) this.#dropFirst(shelf);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  find(isIt: (stream: GenerationStream) => boolean): GenerationStream | undefined {
    for (const shelf of [this.#brief, this.#long]) for (const { stream } of shelf) if (isIt(stream)) return stream;
    return undefined;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sweep(): void {
    const now = performance.now();
    for (const [shelf, keptMs] of [[this.#brief, BRIEF_MS], [this.#long, KEY_MS]] as const) {
      for (const place of shelf.places()) if (now - place.member.endedMs >= keptMs && !place.member.stream.isRead) this.#drop(shelf, place);
    }
    if (this.#brief.size + this.#long.size === 0) this.close();
  }

  #oldest(shelf: Roster<Kept>): Place<Kept> | undefined {
    for (const place of shelf.places()) if (!place.member.stream.isRead) return place;
    return undefined;
  }

  #dropFirst(shelf: Roster<Kept>): void {
    const oldest = this.#oldest(shelf);
    if (oldest !== undefined) this.#drop(shelf, oldest);
  }

  #dropOldest(): boolean {
    const [brief, long] = [this.#oldest(this.#brief), this.#oldest(this.#long)];
    if (brief === undefined && long === undefined) return false;
    this.#dropFirst(long === undefined || (brief !== undefined && brief.member.endedMs <= long.member.endedMs) ? this.#brief : this.#long);
    return true;
  }

  #drop(shelf: Roster<Kept>, place: Place<Kept>): void {
    shelf.remove(place);
    place.member.stream.drop();
  }
}
