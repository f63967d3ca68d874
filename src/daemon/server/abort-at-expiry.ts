import { LEEWAY_S } from '../access/token-claims.ts';
import { Failure } from '../failure.ts';
import type { CallScope } from './serve.ts';

/** Node's timers go no further. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Ends a call that has no end of its own when its caller's token expires. Returns the way to stop that. */
export function abortAtExpiry({ caller, abort }: Pick<CallScope, 'caller' | 'abort'>): () => void {
  const { expiresAtMs } = caller;
  if (expiresAtMs === undefined) return () => {};
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const left = expiresAtMs + LEEWAY_S * 1000 - Date.now();
    if (left <= 0) abort(new Failure('TOKEN_EXPIRED', 'the token has expired. Ask for a new one: tollgate token create'));
    else timer = setTimeout(look, Math.min(left, MAX_TIMER_MS)).unref();
  };
  look();
  return () => clearTimeout(timer);
}
