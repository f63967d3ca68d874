import type { CreateTokenRequest, CreateTokenResponse, ListTokensRequest, ListTokensResponse, RevokeTokenRequest, RevokeTokenResponse, Token, WhoAmIRequest, WhoAmIResponse } from '../../gen/tollgate/v1/access_service.ts';
import { CLIENT_NAME, isScope, isTier, SCOPES, TIERS } from '../access/caller.ts';
import { MAX_TOKEN_BYTES } from '../access/read-token.ts';
import type { SigningKeySource } from '../access/signing-key-source.ts';
import { MAX_TTL_S } from '../access/token-claims.ts';
import type { RevokedId, TokenRecord } from '../access/token-records.ts';
import { signToken } from '../access/token-signer.ts';
import type { TokenStore } from '../access/token-store.ts';
import { durationMs } from '../../duration.ts';
import { invalidRequest } from '../failure.ts';
import type { CallScope } from './serve.ts';
import { Violations } from './violations.ts';

const DEFAULT_TTL_S = 30 * 86_400;
const MIN_TTL_S = 60;

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** A page is left before it nears the 1 MiB of a response; a token's record has at most 8 KiB. */
const MAX_PAGE_BYTES = 768 * 1024;

const MAX_ID = 256;
const JWT = /^ey[\w-]+\.[\w-]+\.[\w-]*$/;

export interface AccessServiceParts {
  readonly signingKey: SigningKeySource;
  readonly tokens: Pick<TokenStore, 'list' | 'add' | 'revoke'>;
}

const toToken = (record: TokenRecord | RevokedId): Token =>
  'client' in record
    ? { ...record, scopes: [...record.scopes], models: [...record.models], providers: [...record.providers] }
    : { id: record.id, revokedAt: record.revokedAt, client: '', scopes: [], tier: '', models: [], providers: [], createdAt: undefined, expiresAt: undefined };

/** Where a token stands in the order of the list, as text: it does not change when others come or go. */
const placeOf = ({ createdAt, id }: TokenRecord): string => `${createdAt.getTime().toString().padStart(16, '0')} ${id}`;

function readPageToken(pageToken: string): string {
  const place = Buffer.from(pageToken, 'base64url').toString('utf8');
  if (!/^\d{16} ./.test(place)) throw invalidRequest([{ field: 'page_token', description: 'must be the next_page_token of the page before' }]);
  return place;
}

function pageOf(all: readonly TokenRecord[], { pageSize, pageToken }: ListTokensRequest): ListTokensResponse {
  const size = pageSize === 0 ? DEFAULT_PAGE : pageSize;
  if (size < 1 || size > MAX_PAGE) throw invalidRequest([{ field: 'page_size', description: `must be from 1 to ${MAX_PAGE}, or 0 for ${DEFAULT_PAGE}` }]);
  const after = pageToken === '' ? undefined : readPageToken(pageToken);
  const rest = after === undefined ? all : all.filter((record) => placeOf(record) < after);
  const page: TokenRecord[] = [];
  let bytes = 0;
  for (const record of rest) {
    bytes += Buffer.byteLength(JSON.stringify(record));
    if (page.length === size || bytes > MAX_PAGE_BYTES) break;
    page.push(record);
  }
  const last = page.at(-1);
  return { tokens: page.map(toToken), nextPageToken: last === undefined || page.length === rest.length ? '' : Buffer.from(placeOf(last)).toString('base64url') };
}

/** The AccessService's handlers. */
export function accessService({ signingKey, tokens }: AccessServiceParts) {
  const createToken = async (request: CreateTokenRequest, { log, caller }: CallScope): Promise<CreateTokenResponse> => {
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
    const wanted = { client: request.client, scopes: scopes.filter(isScope), tier: isTier(tier) ? tier : 'free', models: request.models, providers: request.providers } as const;
    const { token, id, expiresAt } = signToken(await signingKey.load(), 'main', { ...wanted, ttlS });
    violations.check(token.length <= MAX_TOKEN_BYTES, 'models', `with these globs the token is longer than ${MAX_TOKEN_BYTES} bytes; use fewer or shorter ones`);
    violations.throwIfAny();
    await tokens.add({ id, ...wanted, createdAt: new Date(), expiresAt, revokedAt: undefined });
    log.info({ rpc: 'CreateToken', client: caller.client, for: request.client, id, scopes, expires_at: expiresAt }, 'made a token');
    return { token, id, expiresAt };
  };

  const listTokens = (request: ListTokensRequest): ListTokensResponse => pageOf(tokens.list(), request);

  const revokeToken = async ({ id }: RevokeTokenRequest, { log, caller }: CallScope): Promise<RevokeTokenResponse> => {
    const violations = new Violations();
    violations.check(id !== '' && id.length <= MAX_ID, 'id', `must be the id of a token (its claim jti), 1 to ${MAX_ID} characters; tollgate token list shows those that were made here`);
    violations.check(!JWT.test(id), 'id', 'this is a token itself; its id is needed, which tollgate token list shows');
    violations.throwIfAny();
    const record = await tokens.revoke(id);
    log.info({ rpc: 'RevokeToken', client: caller.client, id }, 'revoked a token');
    return { token: toToken(record) };
  };

  const whoAmI = (_request: WhoAmIRequest, { caller }: CallScope): WhoAmIResponse => ({
    client: caller.client,
    scopes: [...caller.scopes],
    tier: caller.tier,
    expiresAt: caller.expiresAtMs === undefined ? undefined : new Date(caller.expiresAtMs),
  });

  return { createToken, listTokens, revokeToken, whoAmI };
}
