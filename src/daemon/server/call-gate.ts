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

export interface CallGate {
  readonly interceptor: ServerInterceptor;
  /** Calls that run now, but for health and reflection. */
  readonly running: number;
  /** When the last of them began or ended, by performance.now(). */
  readonly lastActivityMs: number;
  /** Refuses new calls from now on. */
  close(): void;
  /** Resolves when no call runs. */
  whenIdle(): Promise<void>;
}

function tokenOf(metadata: Metadata): string {
  const values = metadata.get('authorization');
  if (values.length === 0) throw new Failure('TOKEN_MISSING', 'this call needs a token: send the metadata "authorization: Bearer <token>"; make one with tollgate token create');
  const token = values.length === 1 ? BEARER.exec(String(values[0]))?.[1] : undefined;
  if (token === undefined) throw new Failure('TOKEN_INVALID', 'the metadata "authorization" must be one "Bearer <token>"');
  return token;
}

/** Lets calls in: default deny, before a byte of the message is read. `verify` undefined is `--dev`: everybody may do everything. */
export function callGate(verify: TokenVerifier | undefined): CallGate {
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
    if (requirement === 'nothing') return;
    if (closed) throw new Failure('SHUTTING_DOWN', 'the daemon is stopping; try again in a moment');
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
    const counted = REQUIREMENTS[path] !== 'nothing' && !path.startsWith('/grpc.reflection.');
    const end = counted ? begin() : () => {};
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            try {
              admit(path, metadata);
            } catch (error) {
              call.sendStatus(toStatus(error));
              end();
              return;
            }
            go(metadata);
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
    },
    whenIdle() {
      if (running === 0) return Promise.resolve();
      idle ??= Promise.withResolvers();
      return idle.promise;
    },
  };
}
