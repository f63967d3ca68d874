import { createPublicKey, type KeyObject } from 'node:crypto';
import { isRecord } from './token-claims.ts';

/** How an outside issuer may sign. */
export const EXTERNAL_ALGORITHMS = ['RS256', 'ES256'] as const;
export type ExternalAlgorithm = (typeof EXTERNAL_ALGORITHMS)[number];

/** One public key of an issuer. */
export interface PublicKey {
  readonly id: string | undefined;
  readonly algorithm: ExternalAlgorithm;
  readonly key: KeyObject;
}

/** The longest JWKS that is read, in bytes. */
export const MAX_JWKS_BYTES = 256 * 1024;
const MAX_KEYS = 64;
const MIN_RSA_BITS = 2048;
/** A longer one takes its time to verify with: whoever sends tokens would decide how much. */
const MAX_RSA_BITS = 8192;
const MIN_RSA_EXPONENT = 65_537n;

interface Material {
  readonly algorithm: ExternalAlgorithm;
  readonly jwk: Readonly<Record<string, string>>;
}

/** The public members alone: a JWKS that holds private ones by mistake gives them to nobody here. */
function materialOf(jwk: Readonly<Record<string, unknown>>): Material | undefined {
  const { kty, n, e, crv, x, y } = jwk;
  if (kty === 'RSA' && typeof n === 'string' && typeof e === 'string') return { algorithm: 'RS256', jwk: { kty, n, e } };
  if (kty === 'EC' && crv === 'P-256' && typeof x === 'string' && typeof y === 'string') return { algorithm: 'ES256', jwk: { kty, crv, x, y } };
  return undefined;
}

function isStrong({ asymmetricKeyDetails: details }: KeyObject): boolean {
  if (details?.modulusLength === undefined) return true;
  return details.modulusLength >= MIN_RSA_BITS && details.modulusLength <= MAX_RSA_BITS && (details.publicExponent ?? 0n) >= MIN_RSA_EXPONENT;
}

/** Undefined for a key that is for something else, or too weak. */
function publicKeyOf(jwk: unknown, algorithms: readonly ExternalAlgorithm[]): PublicKey | undefined {
  if (!isRecord(jwk)) return undefined;
  const material = materialOf(jwk);
  if (material === undefined || !algorithms.includes(material.algorithm)) return undefined;
  const { alg = material.algorithm, use = 'sig', key_ops: operations = ['verify'], kid } = jwk;
  if (alg !== material.algorithm || use !== 'sig' || !Array.isArray(operations) || !operations.includes('verify')) return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || kid === '')) return undefined;
  try {
    const key = createPublicKey({ key: { ...material.jwk }, format: 'jwk' });
    return isStrong(key) ? { id: kid, algorithm: material.algorithm, key } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The keys of a JWKS that may have signed a token: for signatures, of the issuer's algorithms, RSA from 2048 to 8192 bits, EC on P-256.
 * Throws an Error that says what is wrong when none is left, or when it is not clear which key a `kid` means.
 */
export function readJwks(json: unknown, algorithms: readonly ExternalAlgorithm[]): readonly PublicKey[] {
  const all: unknown = isRecord(json) ? json['keys'] : undefined;
  if (!Array.isArray(all)) throw new Error('it is not a JWKS: it has no list "keys"');
  if (all.length > MAX_KEYS) throw new Error(`it has more than ${MAX_KEYS} keys`);
  const keys = all.map((jwk) => publicKeyOf(jwk, algorithms)).filter((key) => key !== undefined);
  if (keys.length === 0) throw new Error(`it has no key for signatures with ${algorithms.join(' or ')} (RSA needs ${MIN_RSA_BITS} bits)`);
  const ids = keys.map(({ id, algorithm }) => `${algorithm} ${id ?? ''}`);
  if (new Set(ids).size < ids.length && keys.some(({ id }) => id !== undefined)) throw new Error('two of its keys have the same kid');
  return keys;
}
