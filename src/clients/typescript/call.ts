import { once } from 'node:events';
import type { Client, ClientReadableStream, ClientWritableStream, ServiceError } from '@grpc/grpc-js';
import { callMetadata, type Connection } from './connection.ts';
import { readStatus } from './read-status.ts';
import { cancelled } from './tollgate-error.ts';

/** How long one call may take and what ends it early. */
export interface CallOptions {
  /** Ends the call: it rejects with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** The longest that the call may take, in milliseconds, connecting apart. Then it rejects with DEADLINE. Unset is the daemon's limit. */
  readonly timeoutMs?: number | undefined;
}

/** What ts-proto generates for a method. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** What a stream's caller may want to know beside its responses. */
export interface StreamOptions extends CallOptions {
  /** Called when the daemon has taken up the call, which may be long before the first response. */
  readonly onReady?: (() => void) | undefined;
}

interface Cancellable {
  cancel(): void;
}

function grpcOptions(options: CallOptions): { deadline?: number } {
  return options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
}

function cancelOn(signal: AbortSignal | undefined, call: Cancellable): () => void {
  if (signal === undefined) return () => undefined;
  const cancel = (): void => call.cancel();
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}

function failure(error: unknown, { signal, timeoutMs }: CallOptions, begun: boolean): Error {
  return signal?.aborted === true ? cancelled(signal.reason) : readStatus(error, { timeoutMs, begun });
}

function unaryOnce<Request, Response>(
  client: Client, method: Method<Request, Response>, request: Request, token: string | undefined, options: CallOptions,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response?: Response): void => {
      release();
      if (error === null && response !== undefined) resolve(response);
      else reject(failure(error, options, false));
    };
    const call = client.makeUnaryRequest(
      method.path, method.requestSerialize, method.responseDeserialize, request, callMetadata(token), grpcOptions(options), done,
    );
    const release = cancelOn(options.signal, call);
  });
}

/** One request, one response. A token that the daemon no longer takes is read anew, once. */
export async function unary<Request, Response>(
  connection: Connection, method: Method<Request, Response>, request: Request, options: CallOptions = {},
): Promise<Response> {
  if (options.signal?.aborted === true) throw cancelled(options.signal.reason);
  const client = await connection.client();
  const token = await connection.token();
  try {
    return await unaryOnce(client, method, request, token, options);
  } catch (error) {
    const fresh = await connection.tokenAfter(error, token);
    if (fresh === undefined) throw error;
    return unaryOnce(client, method, request, fresh, options);
  }
}

async function* readStream<Response>(stream: ClientReadableStream<Response>, options: StreamOptions): AsyncGenerator<Response, void> {
  const { signal } = options;
  let begun = false;
  // grpc-js tells a status that comes after the reader left as an 'error' event, which would end the process.
  stream.on('error', () => undefined);
  stream.once('metadata', () => options.onReady?.());
  const release = cancelOn(signal, stream);
  try {
    for await (const response of stream) {
      if (signal?.aborted === true) break;
      const received: Response = response;
      begun = true;
      yield received;
    }
    if (signal?.aborted === true) throw cancelled(signal.reason);
  } catch (error) {
    throw failure(error, options, begun);
  } finally {
    release();
    stream.cancel();
  }
}

/**
 * One request, a stream of responses. The call starts with the first `next()` and is read only as fast as the caller asks, so
 * that HTTP/2's window holds the daemon back. Ending the loop cancels the call.
 */
export async function* serverStream<Request, Response>(
  connection: Connection, method: Method<Request, Response>, request: Request, options: StreamOptions = {},
): AsyncGenerator<Response, void> {
  if (options.signal?.aborted === true) throw cancelled(options.signal.reason);
  const client = await connection.client();
  let token = await connection.token();
  for (;;) {
    let begun = false;
    const stream: ClientReadableStream<Response> = client.makeServerStreamRequest(
      method.path, method.requestSerialize, method.responseDeserialize, request, callMetadata(token), grpcOptions(options),
    );
    try {
      for await (const response of readStream(stream, options)) {
        begun = true;
        yield response;
      }
      return;
    } catch (error) {
      const fresh = begun ? undefined : await connection.tokenAfter(error, token);
      if (fresh === undefined) throw error;
      token = fresh;
    }
  }
}

/** Sends what `requests` gives, until its end or that of the call. */
async function sendAll<Request>(call: ClientWritableStream<Request>, requests: AsyncIterable<Request>, over: Promise<void>): Promise<void> {
  const source = requests[Symbol.asyncIterator]();
  let isOver = false;
  const ended = over.then((): IteratorReturnResult<undefined> => {
    isOver = true;
    return { done: true, value: undefined };
  });
  for (;;) {
    const next = await Promise.race([source.next(), ended]);
    if (next.done === true) break;
    if (!call.write(next.value)) await Promise.race([once(call, 'drain').catch(() => undefined), ended]);
  }
  // What never comes cannot be waited for.
  if (isOver) source.return?.().catch(() => undefined);
  else call.end();
}

/**
 * A stream of requests, one response. The requests are asked for only as fast as the daemon takes them. When it answers before their
 * end, the rest is left. A token that the daemon no longer takes is not tried again: the requests may be gone.
 */
export async function clientStream<Request, Response>(
  connection: Connection, method: Method<Request, Response>, requests: AsyncIterable<Request>, options: CallOptions = {},
): Promise<Response> {
  const { signal } = options;
  if (signal?.aborted === true) throw cancelled(signal.reason);
  const client = await connection.client();
  const token = await connection.token();
  const answered = Promise.withResolvers<Response>();
  const over = Promise.withResolvers<void>();
  const call = client.makeClientStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, callMetadata(token), grpcOptions(options), (error, response) => {
    over.resolve();
    if (error === null && response !== undefined) answered.resolve(response);
    else answered.reject(failure(error, options, false));
  });
  // Its failure is the answer's.
  call.on('error', () => undefined);
  answered.promise.catch(() => undefined);
  const release = cancelOn(signal, call);
  try {
    await sendAll(call, requests, over.promise);
    return await answered.promise;
  } finally {
    release();
    call.cancel();
  }
}
