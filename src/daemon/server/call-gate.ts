import { ServerInterceptingCall, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { DEV_CALLER, type Caller } from '../access/caller.ts';
import type { TokenVerifier } from '../access/token-verifier.ts';
import { Failure } from '../failure.ts';
import { toStatus } from './rpc-error.ts';
import { REQUIREMENTS } from './scopes.ts';

const BEARER = /^Bearer ([^\s]+)$/i;

/** Who calls, by the metadata of the call. Only calls that came through the gate stand here. */
const callers = new WeakMap<Metadata, Caller>();

export function callerOfCall(metadata: Metadata): Caller {
  const caller = callers.get(metadata);
  if (caller === undefined) throw new Failure('TOKEN_MISSING', 'this call did not come through the gate');
  return caller;
}

/** How long a request may take to arrive: a call whose message never comes is nobody's. */
const ARRIVAL_MS = 20_000;
/** Calls without a token whose message is still on its way. More are refused: each may hold a request's worth of memory. */
const MAX_ARRIVING_UNKNOWN = 8;

export interface CallGateOptions {
  /** Undefined is `--dev`: everybody may do everything. */
  readonly verify: TokenVerifier | undefined;
  /** Told of each peer (`address:port`) whose token was good. */
  readonly onAdmitted: (peer: string) => void;
}

export interface CallGate {
  readonly interceptor: ServerInterceptor;
  /** Calls that run now, but for health and reflection. */
  readonly running: number;
  /** When the last of them began or ended, by performance.now(). */
  readonly lastActivityMs: number;
  /** Refuses new calls from now on, and those whose message has not come yet. */
  close(): void;
  /** Resolves when no call runs. */
  whenIdle(): Promise<void>;
}

const stopping = (): Failure => new Failure('SHUTTING_DOWN', 'the daemon is stopping; try again in a moment');

function tokenOf(metadata: Metadata): string {
  const values = metadata.get('authorization');
  if (values.length === 0) throw new Failure('TOKEN_MISSING', 'this call needs a token: send the metadata "authorization: Bearer <token>"; make one with tollgate token create');
  const token = values.length === 1 ? BEARER.exec(String(values[0]))?.[1] : undefined;
  if (token === undefined) throw new Failure('TOKEN_INVALID', 'the metadata "authorization" must be one "Bearer <token>"');
  return token;
}

/** Lets calls in: default deny, before a byte of the message is read. */
export function callGate({ verify, onAdmitted }: CallGateOptions): CallGate {
  const arriving = new Set<() => void>();
  let arrivingUnknown = 0;
  let running = 0;
  let closed = false;
  let lastActivityMs = performance.now();
  let idle: PromiseWithResolvers<void> | undefined;

  const begin = (): (() => void) => {
    running++;
    lastActivityMs = performance.now();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      running--;
      lastActivityMs = performance.now();
      if (running === 0) idle?.resolve();
    };
  };

  const admit = (path: string, metadata: Metadata): void => {
    const requirement = REQUIREMENTS[path];
    if (requirement === 'nothing') {
      if (arrivingUnknown > MAX_ARRIVING_UNKNOWN) throw new Failure('DAEMON_OVERLOADED', 'too many calls without a token are on their way; try again in a moment', { retryAfterMs: 1000 });
      return;
    }
    if (closed) throw stopping();
    if (verify === undefined) {
      callers.set(metadata, DEV_CALLER);
      return;
    }
    const caller = verify(tokenOf(metadata));
    if (requirement !== 'any token' && (requirement === undefined || !caller.scopes.has(requirement))) {
      throw new Failure('SCOPE_MISSING', `the token of "${caller.client}" lacks the scope "${requirement ?? 'unknown'}" that ${path} needs`, { metadata: { scope: requirement ?? '', client: caller.client } });
    }
    callers.set(metadata, caller);
  };

  const interceptor: ServerInterceptor = ({ path }, call) => {
    const isUnknown = REQUIREMENTS[path] === 'nothing';
    const counted = !isUnknown && !path.startsWith('/grpc.reflection.');
    const over = counted ? begin() : () => {};
    const refuse = (failure: unknown): void => {
      call.sendStatus(toStatus(failure));
      end();
    };
    const late = (): void => refuse(closed ? stopping() : new Failure('DEADLINE', `the request did not arrive within ${ARRIVAL_MS / 1000} s`));
    const timer = setTimeout(late, ARRIVAL_MS);
    arriving.add(late);
    if (isUnknown) arrivingUnknown++;
    const arrived = (): void => {
      clearTimeout(timer);
      if (arriving.delete(late) && isUnknown) arrivingUnknown--;
    };
    const end = (): void => {
      arrived();
      over();
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            try {
              admit(path, metadata);
            } catch (error) {
              refuse(error);
              return;
            }
            if (!isUnknown) onAdmitted(call.getPeer());
            go(metadata);
          },
          onReceiveMessage: (message: unknown, go) => {
            arrived();
            go(message);
          },
          onReceiveHalfClose: (go) => {
            arrived();
            go();
          },
          onCancel: end,
        }),
      sendStatus: (status, next) => {
        end();
        next(status);
      },
    });
  };

  return {
    interceptor,
    get running() {
      return running;
    },
    get lastActivityMs() {
      return lastActivityMs;
    },
    close() {
      closed = true;
      for (const late of arriving) late();
    },
    whenIdle() {
      if (running === 0) return Promise.resolve();
      idle ??= Promise.withResolvers();
      return idle.promise;
    },
  };
}
