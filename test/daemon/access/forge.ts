import { createHmac, createPrivateKey, sign, type KeyObject } from 'node:crypto';

/** A signing secret for TOLLGATE_JWT_SECRET, and the key that it makes. */
export const SECRET = 'a secret of a test, with 32 bytes and more';
export const SECRET_KEY = Buffer.from(SECRET);

export const nowS = (): number => Math.floor(Date.now() / 1000);

export const goodHeader = { alg: 'HS256', typ: 'JWT', kid: 'main' };
export const goodClaims = (): Record<string, unknown> => ({ iss: 'tollgate', aud: 'tollgate', sub: 'app', scope: 'generate', tier: 'premium', jti: 'j1', iat: nowS(), exp: nowS() + 600 });

const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Signs any header and claims with a secret: what an attacker would try. Texts are taken as they are. */
export function forge(key: Buffer, header: unknown, claims: unknown, digest = 'sha256'): string {
  const body = `${encode(header)}.${encode(claims)}`;
  return `${body}.${createHmac(digest, key).update(body).digest('base64url')}`;
}

/** Signs any header and claims with a private key, RS256 or ES256 by its kind. */
export function signWith(key: KeyObject | string, header: unknown, claims: unknown): string {
  const body = `${encode(header)}.${encode(claims)}`;
  const privateKey = typeof key === 'string' ? createPrivateKey(key) : key;
  return `${body}.${sign('sha256', Buffer.from(body), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
