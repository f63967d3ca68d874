import { once } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';

/**
 * Writes messages to a caller, each when it is ready for it, so that a slow reader holds back whoever makes them. Throws the
 * signal's reason once that has fired.
 */
export async function writeStream<Response>(call: ServerWritableStream<unknown, Response>, messages: AsyncIterable<Response>, signal: AbortSignal): Promise<void> {
  try {
    for await (const message of messages) {
      signal.throwIfAborted();
      if (!call.write(message)) await once(call, 'drain', { signal });
    }
  } catch (error) {
    // `once` throws an AbortError of its own.
    signal.throwIfAborted();
    throw error;
  }
  signal.throwIfAborted();
}
