/** What may wait unread before the provider is asked to pause. */
const MAX_WAITING = 64 * 1024;

export interface BodyHooks {
  /** There is room again. */
  onRoom(): void;
  /** The reader stopped in its middle. */
  onLeave(): void;
}

/**
 * The body of an answer as it comes. A read takes all that has come until then, so that what arrived together stays together.
 * Not a stream of Node's: building and tearing one down costs more than a short answer's parsing.
 */
export class HttpBody implements AsyncIterableIterator<Buffer, undefined> {
  readonly #hooks: BodyHooks;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #end: { readonly error: Error | undefined } | undefined;
  #reader: PromiseWithResolvers<IteratorResult<Buffer, undefined>> | undefined;
  #isWaking = false;
  #isLeft = false;

  constructor(hooks: BodyHooks) {
    this.#hooks = hooks;
  }

  /** Takes a chunk. Returns whether there is room for more. */
  push(chunk: Buffer): boolean {
    if (this.#isLeft) return true;
    this.#waiting.push(chunk);
    this.#bytes += chunk.length;
    this.#wake();
    return this.#bytes < MAX_WAITING;
  }

  /** Nothing more will come. With an error the reader gets it behind what has come. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wake();
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#waiting.length > 0) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#end === undefined) return (this.#reader ??= Promise.withResolvers()).promise;
    return this.#end.error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(this.#end.error);
  }

  /** Whoever waits is served in a moment: by then all is here that came in the same read of the socket. */
  #wake(): void {
    if (this.#reader === undefined || this.#isWaking) return;
    this.#isWaking = true;
    queueMicrotask(this.#serve);
  }

  readonly #serve = (): void => {
    this.#isWaking = false;
    const reader = this.#reader;
    this.#reader = undefined;
    if (this.#waiting.length > 0) reader?.resolve({ done: false, value: this.#take() });
    else if (this.#end?.error === undefined) reader?.resolve({ done: true, value: undefined });
    else reader?.reject(this.#end.error);
  };

  #take(): Buffer {
    const [first] = this.#waiting;
    const taken = this.#waiting.length === 1 && first !== undefined ? first : Buffer.concat(this.#waiting, this.#bytes);
    this.#empty();
    return taken;
  }

  #empty(): void {
    const wasFull = this.#bytes >= MAX_WAITING;
    this.#waiting = [];
    this.#bytes = 0;
    if (wasFull) this.#hooks.onRoom();
  }

  /** Nobody reads any further: what still comes is thrown away. */
  leave(): void {
    this.#isLeft = true;
    this.#empty();
    this.end();
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.leave();
    this.#hooks.onLeave();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
