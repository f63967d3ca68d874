import type { KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { Failure } from '../failure.ts';
import type { Caller } from './caller.ts';
import { AUDIENCE, callerOf, ISSUER, LEEWAY_S, type KeyId } from './token-claims.ts';

/** The longest token that is looked at, in bytes. */
export const MAX_TOKEN_BYTES = 8 * 1024;

/** How long a verified token is believed without verifying it again. */
const CACHE_MS = 60_000;
const CACHE_SIZE = 1024;

const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const HEADER_NAMES: ReadonlySet<string> = new Set(['alg', 'typ', 'kid']);

const invalid = (why: string): Failure => new Failure('TOKEN_INVALID', `the token is not valid: ${why}. Ask for a new one: tollgate token create`);
const expired = (): Failure => new Failure('TOKEN_EXPIRED', 'the token has expired. Ask for a new one: tollgate token create');

/** jsonwebtoken accepts unknown `crit`, `jwk` and the like; here the header may hold nothing but what we write. */
function keyIdOf(token: string): KeyId {
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8'));
  } catch {
    throw invalid('its header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw invalid('its header is not an object');
  if (Object.keys(header).some((name) => !HEADER_NAMES.has(name))) throw invalid('its header has a field that is not allowed');
  const kid = 'kid' in header ? header.kid : undefined;
  if (kid !== 'main' && kid !== 'launch') throw invalid('it was signed by an unknown key');
  return kid;
}

export type TokenVerifier = (token: string) => Caller;

/**
 * Makes the strict verifier: HS256 only, keys as KeyObject, every claim required and of its type. Throws TOKEN_INVALID or
 * TOKEN_EXPIRED. Good tokens are remembered for a minute, by their whole text, and their expiry is looked at each time.
 */
export function tokenVerifier(keys: Readonly<Record<KeyId, KeyObject>>): TokenVerifier {
  const verified = new Map<string, { caller: Caller; expMs: number; untilMs: number }>();

  const verify = (token: string, nowMs: number): Caller => {
    if (token.length > MAX_TOKEN_BYTES) throw invalid(`it is longer than ${MAX_TOKEN_BYTES} bytes`);
    if (!COMPACT_JWS.test(token)) throw invalid('it is not a JWT');
    const keyId = keyIdOf(token);
    let claims: unknown;
    try {
      claims = jwt.verify(token, keys[keyId], { algorithms: ['HS256'], issuer: ISSUER, audience: AUDIENCE, clockTolerance: LEEWAY_S });
    } catch (error) {
      throw error instanceof jwt.TokenExpiredError ? expired() : invalid('its signature or claims are wrong');
    }
    const caller = callerOf(claims, Math.floor(nowMs / 1000));
    if (caller === undefined) throw invalid('a claim is missing or wrong');
    return caller;
  };

  return (token) => {
    const nowMs = Date.now();
    const known = verified.get(token);
    if (known !== undefined && nowMs < known.untilMs) {
      if (nowMs >= known.expMs) throw expired();
      return known.caller;
    }
    const caller = verify(token, nowMs);
    const expMs = (caller.expiresAtMs ?? 0) + LEEWAY_S * 1000;
    if (verified.size >= CACHE_SIZE) verified.clear();
    verified.set(token, { caller, expMs, untilMs: nowMs + CACHE_MS });
    return caller;
  };
}
