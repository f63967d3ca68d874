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

type Shelf = Map<GenerationStream, number>;

/** The generations that have ended, for readers that come back. Makes room for those that run: the oldest goes first, but none that is read. */
export class KeptStreams implements Budget {
  /** Each with when it ended, by performance.now(); the oldest first. */
  readonly #brief: Shelf = new Map();
  readonly #long: Shelf = new Map();
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
    shelf.set(stream, performance.now());
    if (shelf.size > (isLong ? MAX_LONG : MAX_BRIEF)) this.#dropFirst(shelf);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  has(stream: GenerationStream): boolean {
    return this.#brief.has(stream) || this.#long.has(stream);
  }

  find(isIt: (stream: GenerationStream) => boolean): GenerationStream | undefined {
    return [...this.#brief.keys(), ...this.#long.keys()].find(isIt);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sweep(): void {
    const now = performance.now();
    for (const [shelf, keptMs] of [[this.#brief, BRIEF_MS], [this.#long, KEY_MS]] as const) {
      for (const [stream, endedMs] of shelf) if (now - endedMs >= keptMs && !stream.isRead) this.#drop(shelf, stream);
    }
    if (this.#brief.size + this.#long.size === 0) this.close();
  }

  #oldest(shelf: Shelf): readonly [GenerationStream, number] | undefined {
    for (const entry of shelf) if (!entry[0].isRead) return entry;
    return undefined;
  }

  #dropFirst(shelf: Shelf): void {
    const oldest = this.#oldest(shelf);
    if (oldest !== undefined) this.#drop(shelf, oldest[0]);
  }

  #dropOldest(): boolean {
    const [brief, long] = [this.#oldest(this.#brief), this.#oldest(this.#long)];
    if (brief === undefined && long === undefined) return false;
    this.#dropFirst(long === undefined || (brief !== undefined && brief[1] <= long[1]) ? this.#brief : this.#long);
    return true;
  }

  #drop(shelf: Shelf, stream: GenerationStream): void {
    shelf.delete(stream);
    stream.drop();
  }
}
