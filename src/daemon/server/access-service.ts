import type { KeyObject } from 'node:crypto';
import type { CreateTokenRequest, CreateTokenResponse, WhoAmIRequest, WhoAmIResponse } from '../../gen/tollgate/v1/access_service.ts';
import { CLIENT_NAME, isScope, isTier, SCOPES, TIERS } from '../access/caller.ts';
import { MAX_TTL_S } from '../access/token-claims.ts';
import { MAX_TOKEN_BYTES } from '../access/token-verifier.ts';
import { signToken } from '../access/token-signer.ts';
import { durationMs } from '../../duration.ts';
import type { CallScope } from './serve.ts';
import { Violations } from './violations.ts';

const DEFAULT_TTL_S = 30 * 86_400;
const MIN_TTL_S = 60;

/** The AccessService's handlers. */
export function accessService(key: KeyObject) {
  const createToken = (request: CreateTokenRequest, { log, caller }: CallScope): CreateTokenResponse => {
    const violations = new Violations();
    const ttlS = request.ttl === undefined ? DEFAULT_TTL_S : Math.floor(durationMs(request.ttl) / 1000);
    const tier = request.tier === '' ? 'premium' : request.tier;
    const scopes = [...new Set(request.scopes)];
    violations.check(CLIENT_NAME.test(request.client), 'client', 'must be 1 to 64 letters, digits, ".", "_", "@" or "-", beginning with a letter or digit');
    violations.check(scopes.length > 0, 'scopes', `at least one of ${SCOPES.join(', ')} is needed`);
    violations.check(scopes.every(isScope), 'scopes', `there is only ${SCOPES.join(', ')}`);
    violations.check(isTier(tier), 'tier', `must be one of ${TIERS.join(', ')}`);
    violations.check(ttlS >= MIN_TTL_S && ttlS <= MAX_TTL_S, 'ttl', 'must be from 1 minute to 366 days');
    for (const field of ['models', 'providers'] as const) {
      violations.check(request[field].length <= 32 && request[field].every((glob) => glob !== '' && glob.length <= 128), field, 'at most 32 globs of 1 to 128 characters');
    }
    violations.throwIfAny();
    const signed = signToken(key, 'main', { client: request.client, scopes: scopes.filter(isScope), tier: isTier(tier) ? tier : 'free', ttlS, models: request.models, providers: request.providers });
    violations.check(signed.token.length <= MAX_TOKEN_BYTES, 'models', `with these globs the token is longer than ${MAX_TOKEN_BYTES} bytes; use fewer or shorter ones`);
    violations.throwIfAny();
    log.info({ rpc: 'CreateToken', client: caller.client, for: request.client, id: signed.id, scopes, expires_at: signed.expiresAt }, 'made a token');
    return { token: signed.token, id: signed.id, expiresAt: signed.expiresAt };
  };

  const whoAmI = (_request: WhoAmIRequest, { caller }: CallScope): WhoAmIResponse => ({
    client: caller.client,
    scopes: [...caller.scopes],
    tier: caller.tier,
    expiresAt: caller.expiresAtMs === undefined ? undefined : new Date(caller.expiresAtMs),
  });

  return { createToken, whoAmI };
}
