import type { KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Failure } from '../failure.ts';
import type { Caller } from './caller.ts';
import type { ExternalIssuer, Issuers } from './issuers.ts';
import { readToken, type UnprovenToken } from './read-token.ts';
import type { SigningKeySource } from './signing-key-source.ts';
import { AUDIENCE, callerOf, ISSUER, LEEWAY_S } from './token-claims.ts';
import { expiredToken, invalidToken, revokedToken } from './token-failure.ts';
import type { TokenStore } from './token-store.ts';

/** How long a verified token is believed without verifying it again. */
const CACHE_MS = 60_000;
const CACHE_SIZE = 1024;

/** jsonwebtoken accepts unknown `crit`, `jwk` and the like; here the header may hold nothing but what we write. */
const HEADER_NAMES: ReadonlySet<string> = new Set(['alg', 'typ', 'kid']);

export interface TokenVerifierParts {
  /** The key of this home. */
  readonly main: SigningKeySource;
  /** The key of this launch. */
  readonly launch: KeyObject;
  readonly store: Pick<TokenStore, 'isRevoked'>;
  readonly issuers: Pick<Issuers, 'find'>;
}

export interface TokenVerifier {
  /**
   * Whom a token stands for: at once when it was verified within the last minute or its key is at hand. Throws TOKEN_INVALID,
   * TOKEN_EXPIRED, TOKEN_REVOKED, and KEYS_LOCKED or KEY_STORE_UNAVAILABLE while the key that it needs cannot be read.
   */
  verify(token: string): Caller | Promise<Caller>;
  /** Why the calls of a caller may not go on: its token's time is over, or it was revoked. */
  problemOf(caller: Caller): Failure | undefined;
}

interface Verified {
  readonly caller: Caller;
  readonly untilMs: number;
  readonly issuer: ExternalIssuer | undefined;
  readonly epoch: number;
}

/** Whether the minute is over, or the issuer's keys are others now. */
const isOld = ({ untilMs, issuer, epoch }: Verified, nowMs: number): boolean => nowMs >= untilMs || (issuer !== undefined && issuer.epoch !== epoch);

function ownCaller(token: string, key: KeyObject): Caller {
  let claims: unknown;
  try {
    claims = jwt.verify(token, key, { algorithms: ['HS256'], issuer: ISSUER, audience: AUDIENCE, clockTolerance: LEEWAY_S });
  } catch (error) {
    throw error instanceof jwt.TokenExpiredError ? expiredToken() : invalidToken('its signature or claims are wrong');
  }
  const caller = callerOf(claims, Math.floor(Date.now() / 1000));
  if (caller === undefined) throw invalidToken('a claim is missing or wrong');
  return caller;
}

/**
 * Makes the strict verifier: our own tokens with HS256 and our own keys, those of outside issuers with their public ones, every claim
 * required and of its type. Good tokens are remembered for a minute, by their whole text; whether they were revoked or have
 * expired is looked at each time.
 */
export function tokenVerifier({ main, launch, store, issuers }: TokenVerifierParts): TokenVerifier {
  const verified = new Map<string, Verified>();

  const problemOf = ({ tokenId, expiresAtMs }: Caller): Failure | undefined => {
    if (tokenId !== undefined && store.isRevoked(tokenId)) return revokedToken();
    return expiresAtMs !== undefined && Date.now() >= expiresAtMs + LEEWAY_S * 1000 ? expiredToken() : undefined;
  };

  const admit = (caller: Caller): Caller => {
    const problem = problemOf(caller);
    if (problem !== undefined) throw problem;
    return caller;
  };

  const remember = (token: string, caller: Caller, issuer?: ExternalIssuer, epoch = 0): Caller => {
    if (verified.size >= CACHE_SIZE) verified.clear();
    verified.set(token, { caller, issuer, epoch, untilMs: Date.now() + CACHE_MS });
    return admit(caller);
  };

  const verifyOwn = (token: string, { keyId, headerNames }: UnprovenToken): Caller | Promise<Caller> => {
    if (headerNames.some((name) => !HEADER_NAMES.has(name))) throw invalidToken('its header has a field that is not allowed');
    if (keyId !== 'main' && keyId !== 'launch') throw invalidToken('it was signed by an unknown key');
    const key = keyId === 'launch' ? launch : main.ready();
    if (key !== undefined) return remember(token, ownCaller(token, key));
    return main.find().then((found) => {
      if (found === undefined) throw invalidToken('it was signed by a key that this home does not have');
      return remember(token, ownCaller(token, found));
    });
  };

  const verifyExternal = async (token: string, unproven: UnprovenToken): Promise<Caller> => {
    const issuer = unproven.issuer === undefined ? undefined : issuers.find(unproven.issuer);
    if (issuer === undefined) throw invalidToken('its issuer is not known here');
    const caller = await issuer.verify(token, unproven);
    return remember(token, caller, issuer, issuer.epoch);
  };

  return {
    problemOf,
    verify(token) {
      const known = verified.get(token);
      if (known !== undefined && !isOld(known, Date.now())) return admit(known.caller);
      const unproven = readToken(token);
      return unproven.algorithm === 'HS256' ? verifyOwn(token, unproven) : verifyExternal(token, unproven);
    },
  };
}
