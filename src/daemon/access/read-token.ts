import { hasNameTwice } from './json-names.ts';
import { invalidToken } from './token-failure.ts';

/** The longest token that is looked at, in bytes. */
export const MAX_TOKEN_BYTES = 8 * 1024;

const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const MAX_KEY_ID = 256;

/** A token's words before anything in them is proven. */
export interface UnprovenToken {
  readonly algorithm: string;
  /** The header's `kid`. */
  readonly keyId: string | undefined;
  /** The names in the header. */
  readonly headerNames: readonly string[];
  readonly type: string | undefined;
  /** The claim `iss`, when it is a text. */
  readonly issuer: string | undefined;
}

function readObject(part: string, what: string): Readonly<Record<string, unknown>> {
  const text = Buffer.from(part, 'base64url').toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidToken(`its ${what} not JSON`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalidToken(`its ${what} no JSON object`);
  if (hasNameTwice(text)) throw invalidToken(`its ${what} ambiguous: a name stands there twice`);
  return { ...json };
}

function textOf(value: unknown, what: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalidToken(`${what} is no text`);
  return value;
}

/** Takes a token apart, strictly: what a lenient parser would guess at is refused. Throws TOKEN_INVALID. */
export function readToken(token: string): UnprovenToken {
  if (token.length > MAX_TOKEN_BYTES) throw invalidToken(`it is longer than ${MAX_TOKEN_BYTES} bytes`);
  if (!COMPACT_JWS.test(token)) throw invalidToken('it is not a JWT');
  const [headerPart = '', claimsPart = ''] = token.split('.');
  const header = readObject(headerPart, 'header is');
  const claims = readObject(claimsPart, 'claims are');
  const keyId = textOf(header['kid'], 'its kid');
  if (keyId !== undefined && (keyId === '' || keyId.length > MAX_KEY_ID)) throw invalidToken(`its kid is empty or longer than ${MAX_KEY_ID} characters`);
  const { iss } = claims;
  return {
    algorithm: textOf(header['alg'], 'its alg') ?? 'none',
    keyId,
    headerNames: Object.keys(header),
    type: textOf(header['typ'], 'its typ'),
    issuer: typeof iss === 'string' ? iss : undefined,
  };
}
