import { ServerInterceptingCall, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { DEV_CALLER, type Caller } from '../access/caller.ts';
import type { TokenVerifier } from '../access/token-verifier.ts';
import { Failure } from '../failure.ts';
import type { Logger } from '../logger.ts';
import { Roster } from '../roster.ts';
import { callSession } from './call-session.ts';
import { toStatus } from './rpc-error.ts';
import { runningCalls, type RunningCall } from './running-calls.ts';
import { meets, REQUIREMENTS } from './scopes.ts';

const BEARER = /^Bearer ([^\s]+)$/i;

/** The calls by their metadata. Only those that came through the gate stand here. */
const admitted = new WeakMap<Metadata, RunningCall>();

export function admittedCall(metadata: Metadata): RunningCall {
  const call = admitted.get(metadata);
  if (call === undefined) throw new Failure('TOKEN_MISSING', 'this call did not come through the gate');
  return call;
}

/** How long a request may take to arrive: a call whose message never comes is nobody's. */
const ARRIVAL_MS = 20_000;
/** Calls without a token whose message is still on its way. More are refused: each may hold a request's worth of memory. */
const MAX_ARRIVING_UNKNOWN = 8;
/** Calls that wait for a key to verify their token with. More are refused. */
const MAX_VERIFYING = 256;

export interface CallGateOptions {
  readonly log: Logger;
  /** Undefined is `--dev`: everybody may do everything. */
  readonly verifier: TokenVerifier | undefined;
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
export function callGate({ log, verifier, onAdmitted }: CallGateOptions): CallGate {
  const arriving = new Roster<() => void>();
  const calls = runningCalls((caller) => verifier?.problemOf(caller));
  let arrivingUnknown = 0;
  let verifying = 0;
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

  const whoCalls = (metadata: Metadata): Caller | Promise<Caller> => {
    if (closed) throw stopping();
    if (verifier === undefined) return DEV_CALLER;
    const caller = verifier.verify(tokenOf(metadata));
    if (!(caller instanceof Promise)) return caller;
    if (verifying >= MAX_VERIFYING) {
      caller.catch(() => {});
      throw new Failure('DAEMON_OVERLOADED', 'too many calls wait for a key to verify their tokens with; try again in a moment', { retryAfterMs: 1000 });
    }
    verifying++;
    return caller.finally(() => verifying--);
  };

  const checkScope = (path: string, caller: Caller): void => {
    const requirement = REQUIREMENTS[path];
    if (verifier === undefined || (requirement !== 'nothing' && meets(requirement, caller.scopes))) return;
    const scope = typeof requirement === 'object' ? (requirement[0] ?? '') : (requirement ?? '');
    throw new Failure('SCOPE_MISSING', `the token of "${caller.client}" lacks the scope "${scope}" that ${path} needs`, { metadata: { scope, client: caller.client } });
  };

  const interceptor: ServerInterceptor = ({ path }, call) => {
    const isUnknown = REQUIREMENTS[path] === 'nothing';
    const counted = !isUnknown && !path.startsWith('/grpc.reflection.');
    const over = counted ? begin() : () => {};
    let leave: (() => void) | undefined;
    let ended = false;
    const refuse = (failure: unknown): void => {
      if (ended) return;
      if (!(failure instanceof Failure)) log.error({ err: failure }, 'unforeseen error at the gate');
      call.sendStatus(toStatus(failure));
      end();
    };
    const late = (): void => refuse(closed ? stopping() : new Failure('DEADLINE', `the request did not arrive within ${ARRIVAL_MS / 1000} s`));
    const timer = setTimeout(late, ARRIVAL_MS);
    const place = arriving.add(late);
    if (isUnknown) arrivingUnknown++;
    const arrived = (): void => {
      clearTimeout(timer);
      if (arriving.remove(place) && isUnknown) arrivingUnknown--;
    };
    const end = (): void => {
      ended = true;
      arrived();
      over();
      leave?.();
      leave = undefined;
    };
    const letIn = (caller: Caller, metadata: Metadata, go: (metadata: Metadata) => void): void => {
      checkScope(path, caller);
      const session = callSession(call);
      const mine: RunningCall = { caller, end: refuse, isConnectionLost: () => session?.destroyed === true };
      admitted.set(metadata, mine);
      leave = calls.add(mine);
      onAdmitted(call.getPeer());
      go(metadata);
    };
    const receive = (metadata: Metadata, go: (metadata: Metadata) => void): void => {
      if (isUnknown) {
        if (arrivingUnknown > MAX_ARRIVING_UNKNOWN) throw new Failure('DAEMON_OVERLOADED', 'too many calls without a token are on their way; try again in a moment', { retryAfterMs: 1000 });
        go(metadata);
        return;
      }
      const caller = whoCalls(metadata);
      if (caller instanceof Promise) caller.then((found) => ended || letIn(found, metadata, go)).catch(refuse);
      else letIn(caller, metadata, go);
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            try {
              receive(metadata, go);
            } catch (error) {
              refuse(error);
            }
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
      sendMessage: (message: unknown, next) => {
        // A handler may go on after its call was ended; what it writes then has no place.
        if (!ended) next(message);
      },
      sendStatus: (status, next) => {
        if (ended) return;
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
