import type { handleClientStreamingCall, handleServerStreamingCall, handleUnaryCall, Metadata, MethodDefinition, ServerWritableStream } from '@grpc/grpc-js';
import type { Caller } from '../access/caller.ts';
import { systemClock } from '../clock.ts';
import { Failure, invalidRequest } from '../failure.ts';
import type { Logger } from '../logger.ts';
import type { Roster } from '../roster.ts';
import { admittedCall } from './call-gate.ts';
import { countFields, type Shape } from './count-fields.ts';
import { toStatus } from './rpc-error.ts';

/** A request as it came: its message, or that its bytes are none. */
export type Decoded<T> = { message: T | undefined } | { readonly malformed: true };

/** What a handler knows of its call. */
export interface CallScope {
  readonly caller: Caller;
  /** Fires, with a Failure as its reason, when the caller went away or the time is over. */
  readonly signal: AbortSignal;
  /** Whether the signal fired because the caller's connection was lost: it may not know, and come back. */
  readonly connectionLost: boolean;
  /** When its time is over, on the system clock that never goes back. */
  readonly deadlineMs: number;
  readonly log: Logger;
  /** Ends the call's work with this failure. */
  abort(failure: Failure): void;
}

/** More fields than this are no request that a person's program makes. */
const MAX_FIELDS = 100_000;

/** Reads requests without throwing inside gRPC, which would answer INTERNAL for what is the caller's mistake. One of more than `maxBytes` is not read. */
export function tolerant<Request, Response>(definition: MethodDefinition<Request, Response>, shape: Shape = {}, maxBytes = Number.POSITIVE_INFINITY): MethodDefinition<Decoded<Request>, Response> {
  return {
    ...definition,
    requestSerialize: () => {
      throw new Error('the server serializes no requests');
    },
    requestDeserialize: (bytes) => {
      if (bytes.length > maxBytes || countFields(bytes, shape) > MAX_FIELDS) return { malformed: true };
      try {
        return { message: definition.requestDeserialize(bytes) };
      } catch {
        return { malformed: true };
      }
    },
  };
}

/** Takes the message out: gRPC holds on to what it came in for longer than the call lasts. */
function messageOf<T>(decoded: Decoded<T>): T {
  const message = 'malformed' in decoded ? undefined : decoded.message;
  if ('message' in decoded) decoded.message = undefined;
  if (message === undefined) throw invalidRequest([{ field: '', description: 'the request is not a message of this service, or has over 100,000 fields; generate the client anew from the proto files' }]);
  return message;
}

/** What every handler is served with. */
export interface Serving {
  readonly log: Logger;
  /** The ways to end the calls that run now. */
  readonly running: Roster<(failure: Failure) => void>;
}

interface GrpcCall {
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  on(event: 'cancelled', listener: () => void): unknown;
  off(event: 'cancelled', listener: () => void): unknown;
}

/** The signal of a call: it fires when the caller goes away, at the caller's deadline, or after `maxMs` (Infinity is never) when there is none. */
function scopeOf(call: GrpcCall, maxMs: number, { log, running }: Serving): CallScope & { done(): void } {
  const admitted = admittedCall(call.metadata);
  const controller = new AbortController();
  const abort = (failure: Failure): void => controller.abort(failure);
  const deadline = Number(call.getDeadline());
  const tooLate = (): void => abort(new Failure('DEADLINE', 'the time of this call is over'));
  let connectionLost = false;
  const onCancelled = (): void => {
    if (Date.now() >= deadline) tooLate();
    else {
      connectionLost = admitted.isConnectionLost();
      abort(new Failure('CANCELLED', connectionLost ? "the caller's connection was lost" : 'the caller went away'));
    }
  };
  call.on('cancelled', onCancelled);
  const timer = Number.isFinite(deadline) || maxMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(tooLate, maxMs);
  const place = running.add(abort);
  admitted.abort = abort;
  const done = (): void => {
    // gRPC says it of every call, also of one that ended well.
    call.off('cancelled', onCancelled);
    clearTimeout(timer);
    running.remove(place);
    admitted.abort = undefined;
  };
  const deadlineMs = systemClock.monotonicMs() + (Number.isFinite(deadline) ? deadline - Date.now() : maxMs);
  return {
    caller: admitted.caller,
    signal: controller.signal,
    get connectionLost() {
      return connectionLost;
    },
    deadlineMs,
    log,
    abort,
    done,
  };
}

function report(error: unknown, log: Logger): ReturnType<typeof toStatus> {
  const foreign = !(error instanceof Failure) ? error : error.reason === 'INTERNAL' ? (error.cause ?? error) : undefined;
  if (foreign !== undefined) log.error({ err: foreign }, 'unforeseen error in a call');
  return toStatus(error);
}

/** How long a unary call may take when its caller sets no deadline. */
const UNARY_MS = 10_000;

/** Wraps a unary handler: no throw and no rejection leaves it. */
export const unary =
  <Request, Response>(serving: Serving, handler: (request: Request, scope: CallScope) => Promise<Response> | Response, maxMs = UNARY_MS): handleUnaryCall<Decoded<Request>, Response> =>
  (call, reply) => {
    const run = async (): Promise<Response> => {
      const scope = scopeOf(call, maxMs, serving);
      try {
        return await handler(messageOf(call.request), scope);
      } finally {
        scope.done();
      }
    };
    run().then(
      (response) => reply(null, response),
      (error: unknown) => reply(report(error, serving.log)),
    );
  };

/** Wraps a streaming handler: it ends with OK when the handler returns, with a typed status when it throws. */
export const serverStream =
  <Request, Response>(serving: Serving, maxMs: number, handler: (request: Request, scope: CallScope, call: ServerWritableStream<Decoded<Request>, Response>) => Promise<void>): handleServerStreamingCall<Decoded<Request>, Response> =>
  (call) => {
    const run = async (): Promise<void> => {
      const scope = scopeOf(call, maxMs, serving);
      try {
        await handler(messageOf(call.request), scope, call);
      } finally {
        scope.done();
      }
    };
    run().then(
      () => call.end(),
      (error: unknown) => call.emit('error', report(error, serving.log)),
    );
  };

async function* messagesOf<T>(call: AsyncIterable<Decoded<T>>, signal: AbortSignal): AsyncGenerator<T, void> {
  try {
    for await (const decoded of call) {
      signal.throwIfAborted();
      yield messageOf(decoded);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  signal.throwIfAborted();
}

/** Wraps a handler that reads many requests, each when it asks for it: what the caller sends ahead waits in its own window. */
export const clientStream =
  <Request, Response>(serving: Serving, maxMs: number, handler: (requests: AsyncIterable<Request>, scope: CallScope) => Promise<Response>): handleClientStreamingCall<Decoded<Request>, Response> =>
  (call, reply) => {
    const run = async (): Promise<Response> => {
      const scope = scopeOf(call, maxMs, serving);
      // A read that waits for the next request does not see the signal.
      scope.signal.addEventListener('abort', () => call.destroy(), { once: true });
      try {
        return await handler(messagesOf(call, scope.signal), scope);
      } finally {
        scope.done();
      }
    };
    run().then(
      (response) => reply(null, response),
      (error: unknown) => reply(report(error, serving.log)),
    );
  };
