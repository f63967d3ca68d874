import type { IssuerConfig } from '../config/issuer-config.ts';
import { CLIENT_NAME, isScope, isTier, type Caller, type Scope, type Tier } from './caller.ts';
import { globs, isRecord, isTime, LEEWAY_S, MAX_TTL_S } from './token-claims.ts';
import { invalidToken } from './token-failure.ts';

const MAX_TOKEN_ID = 256;

type Claims = Readonly<Record<string, unknown>>;

const claim = (claims: Claims, name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined);

function clientOf(claims: Claims, { claims: names, clientPrefix }: IssuerConfig): string {
  const value = claim(claims, names.client);
  const client = typeof value === 'string' && value !== '' ? `${clientPrefix}${value}` : '';
  if (!CLIENT_NAME.test(client)) throw invalidToken(`its claim "${names.client}" is no client's name: 1 to 64 letters, digits, ".", "_", "@" or "-"`);
  return client;
}

/** An issuer's tokens name scopes of other programs too: those are not ours to judge. */
function scopesOf(claims: Claims, { claims: names, scopes, defaultScopes }: IssuerConfig): ReadonlySet<Scope> {
  const value = claim(claims, names.scope);
  if (value === undefined) return new Set(defaultScopes);
  const words: unknown = typeof value === 'string' ? value.split(' ') : value;
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) throw invalidToken(`its claim "${names.scope}" is neither a text nor a list of texts`);
  return new Set(words.filter(isScope).filter((scope) => scopes.includes(scope)));
}

function tierOf(claims: Claims, { claims: names, tiers, defaultTier }: IssuerConfig): Tier {
  const value = names.tier === undefined ? undefined : claim(claims, names.tier);
  if (value === undefined) return defaultTier;
  if (typeof value !== 'string' || !isTier(value) || !tiers.includes(value)) throw invalidToken(`its claim "${names.tier}" is not one of ${tiers.join(', ')}`);
  return value;
}

function globsOf(claims: Claims, name: string | undefined): readonly string[] | undefined {
  const value = name === undefined ? undefined : globs(claim(claims, name));
  if (value === 'wrong') throw invalidToken(`its claim "${name}" is no list of globs`);
  return value;
}

/** Seconds since 1970 at which the token ends. */
function endOf({ exp, iat, nbf }: Claims, nowS: number): number {
  if (!isTime(exp) || exp > nowS + MAX_TTL_S) throw invalidToken('its claim "exp" is missing, or over 366 days away');
  for (const start of [iat, nbf]) {
    if (start !== undefined && (!isTime(start) || start > nowS + LEEWAY_S)) throw invalidToken('it is not valid yet');
  }
  return exp;
}

/** Who calls, by the claims of an outside issuer's token whose signature is good. Throws TOKEN_INVALID that names the claim. */
export function externalCaller(claims: unknown, issuer: IssuerConfig, nowS: number): Caller {
  if (!isRecord(claims) || Object.hasOwn(claims, '__proto__')) throw invalidToken('its claims are no plain object');
  const { iss, aud, jti } = claims;
  if (iss !== issuer.issuer || aud !== issuer.audience) throw invalidToken('it is for somebody else (claims "iss" and "aud")');
  if (jti !== undefined && (typeof jti !== 'string' || jti === '' || jti.length > MAX_TOKEN_ID)) throw invalidToken('its claim "jti" is no text of 1 to 256 characters');
  return {
    client: clientOf(claims, issuer),
    tokenId: jti,
    scopes: scopesOf(claims, issuer),
    tier: tierOf(claims, issuer),
    expiresAtMs: endOf(claims, nowS) * 1000,
    models: globsOf(claims, issuer.claims.models),
    providers: globsOf(claims, issuer.claims.providers),
  };
}
