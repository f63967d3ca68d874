import { once } from 'node:events';

/** A standard stream that may be a terminal, a file or a pipe whose reader leaves. */
export interface Output {
  readonly isTerminal: boolean;
  /** Fires when the reader has gone, or nothing more can be written. */
  readonly closed: AbortSignal;
  /** Why nothing more can be written, apart from a reader that has gone. Undefined while all is well. */
  readonly failure: Error | undefined;
  /** Resolves when more may be written. Does nothing once the reader has gone. */
  write(text: string): Promise<void>;
}

export function openOutput(stream: NodeJS.WriteStream): Output {
  const closing = new AbortController();
  let failure: Error | undefined;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `tollgate … | head` is not a failure.
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') failure ??= error;
    closing.abort('Nobody reads this any more.');
  });
  return {
    isTerminal: stream.isTTY,
    closed: closing.signal,
    get failure() {
      return failure;
    },
    async write(text) {
      if (text === '' || closing.signal.aborted || stream.write(text)) return;
      await once(stream, 'drain', { signal: closing.signal }).catch(() => undefined);
    },
  };
}
