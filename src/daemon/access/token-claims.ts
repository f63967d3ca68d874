import { CLIENT_NAME, isScope, isTier, type Caller } from './caller.ts';

/** Whose tokens these are, and for whom. */
export const ISSUER = 'tollgate';
export const AUDIENCE = 'tollgate';

/** The longest life of a token, in seconds: 366 days. */
export const MAX_TTL_S = 366 * 86_400;

/** How far a clock may be off, in seconds. */
export const LEEWAY_S = 30;

/** The key that signed a token: the one of this home, or the one of this launch. */
export type KeyId = 'main' | 'launch';

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Seconds since 1970. */
export const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value > 0;

/** Globs of models or providers; undefined is all. An empty list would be none, which nobody means. */
export function globs(value: unknown): readonly string[] | undefined | 'wrong' {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) return 'wrong';
  const words: string[] = [];
  for (const entry of value) {
    if (typeof entry !== 'string' || entry === '' || entry.length > 256) return 'wrong';
    words.push(entry);
  }
  return words;
}

/** Reads the claims of a token whose signature is good. Returns undefined when any is missing, of another type or out of range. */
export function callerOf(claims: unknown, nowS: number): Caller | undefined {
  if (!isRecord(claims) || Object.hasOwn(claims, '__proto__')) return undefined;
  const { sub, iss, aud, scope, tier, jti, iat, exp, nbf } = claims;
  if (iss !== ISSUER || aud !== AUDIENCE) return undefined;
  if (typeof sub !== 'string' || !CLIENT_NAME.test(sub)) return undefined;
  if (typeof jti !== 'string' || jti === '' || jti.length > 64) return undefined;
  if (typeof tier !== 'string' || !isTier(tier) || typeof scope !== 'string') return undefined;
  if (!isTime(iat) || !isTime(exp) || iat > nowS + LEEWAY_S || exp <= iat || exp - iat > MAX_TTL_S) return undefined;
  if (nbf !== undefined && (!isTime(nbf) || nbf > nowS + LEEWAY_S)) return undefined;
  const words = scope.split(' ').filter((word) => word !== '');
  const scopes = new Set(words.filter(isScope));
  if (scopes.size !== words.length) return undefined;
  const models = globs(claims['models']);
  const providers = globs(claims['providers']);
  if (models === 'wrong' || providers === 'wrong') return undefined;
  return { client: sub, tokenId: jti, scopes, tier, expiresAtMs: exp * 1000, models, providers };
}
