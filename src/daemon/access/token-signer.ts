import { randomUUID, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Scope, Tier } from './caller.ts';
import { AUDIENCE, ISSUER, type KeyId } from './token-claims.ts';

export interface TokenRequest {
  readonly client: string;
  readonly scopes: readonly Scope[];
  readonly tier: Tier;
  readonly ttlS: number;
  /** Empty is all. */
  readonly models?: readonly string[];
  /** Empty is all. */
  readonly providers?: readonly string[];
}

export interface SignedToken {
  readonly token: string;
  readonly id: string;
  readonly expiresAt: Date;
}

/** Makes a JWT: HS256, with every claim that the verifier wants. */
export function signToken(key: KeyObject, keyId: KeyId, request: TokenRequest): SignedToken {
  const id = randomUUID();
  const nowS = Math.floor(Date.now() / 1000);
  const exp = nowS + request.ttlS;
  const claims = {
    sub: request.client,
    scope: request.scopes.join(' '),
    tier: request.tier,
    jti: id,
    iat: nowS,
    exp,
    ...(request.models?.length ? { models: request.models } : {}),
    ...(request.providers?.length ? { providers: request.providers } : {}),
  };
  return { token: jwt.sign(claims, key, { algorithm: 'HS256', issuer: ISSUER, audience: AUDIENCE, keyid: keyId }), id, expiresAt: new Date(exp * 1000) };
}
