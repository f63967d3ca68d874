import type { Client, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
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

async function* readStream<Response>(stream: ClientReadableStream<Response>, options: CallOptions): AsyncGenerator<Response, void> {
  const { signal } = options;
  let begun = false;
  // grpc-js tells a status that comes after the reader left as an 'error' event, which would end the process.
  stream.on('error', () => undefined);
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
  connection: Connection, method: Method<Request, Response>, request: Request, options: CallOptions = {},
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
