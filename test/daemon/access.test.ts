import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { CreateTokenRequest, type CreateTokenResponse, type WhoAmIResponse } from '../../src/gen/tollgate/v1/access_service.ts';
import { signToken } from '../../src/daemon/access/token-signer.ts';
import { hello, scriptedProvider } from './scripted-provider.ts';
import { ask, bearer, generate, rpcFailure, testDaemon, type RpcFailure, type TestDaemon } from './test-daemon.ts';

type Answer<T> = { readonly response: T; readonly failure?: undefined } | { readonly failure: RpcFailure; readonly response?: undefined };

const call = <T>(start: (reply: (error: ServiceError | null, response: T) => void) => unknown): Promise<Answer<T>> =>
  new Promise((resolve) => start((error, response) => resolve(error === null ? { response } : { failure: rpcFailure(error) })));

const whoAmI = ({ accessClient }: TestDaemon, metadata: Metadata) => call<WhoAmIResponse>((reply) => accessClient.whoAmI({}, metadata, reply));
const createToken = ({ accessClient, adminToken }: TestDaemon, request: Parameters<typeof CreateTokenRequest.fromPartial>[0], token = adminToken) =>
  call<CreateTokenResponse>((reply) => accessClient.createToken(CreateTokenRequest.fromPartial(request), bearer(token), reply));

const secretOf = (daemon: TestDaemon): Buffer => Buffer.from(readFileSync(daemon.environment.home.jwtSecretFile, 'utf8').trim(), 'base64url');

/** Signs any header and claims with a key: what an attacker would try. */
function forge(key: Buffer, header: unknown, claims: unknown, digest = 'sha256'): string {
  const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const body = `${encode(header)}.${encode(claims)}`;
  return `${body}.${createHmac(digest, key).update(body).digest('base64url')}`;
}

const nowS = (): number => Math.floor(Date.now() / 1000);
const goodClaims = (): Record<string, unknown> => ({ iss: 'tollgate', aud: 'tollgate', sub: 'app', scope: 'generate', tier: 'premium', jti: 'j1', iat: nowS(), exp: nowS() + 600 });
const goodHeader = { alg: 'HS256', typ: 'JWT', kid: 'main' };
const without = (name: string): Record<string, unknown> => Object.fromEntries(Object.entries(goodClaims()).filter(([key]) => key !== name));

describe('tokens', () => {
  it('the admin token of the launch has every scope', async () => {
    const daemon = await testDaemon();
    const { response } = await whoAmI(daemon, bearer(daemon.adminToken));
    expect(response).toMatchObject({ client: 'admin', tier: 'admin', scopes: ['generate', 'keys', 'usage:read', 'usage:admin', 'admin'] });
    expect(statSync(daemon.environment.home.adminTokenFile).mode & 0o777).toBe(0o600);
    expect(statSync(daemon.environment.home.jwtSecretFile).mode & 0o777).toBe(0o600);
    expect(statSync(daemon.environment.home.runDir).mode & 0o777).toBe(0o700);
  });

  it('a created token stands for its client and allows what it names', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const { response } = await createToken(daemon, { client: 'my-app', scopes: ['generate'], ttl: { seconds: 3600n } });
    const token = response?.token ?? '';
    expect((await whoAmI(daemon, bearer(token))).response).toMatchObject({ client: 'my-app', tier: 'premium', scopes: ['generate'] });
    expect((await generate(daemon, ask({ model: 'p/m' }), token)).text).toBe('hello');
    expect((await createToken(daemon, { client: 'x', scopes: ['admin'] }, token)).failure).toMatchObject({ code: status.PERMISSION_DENIED, reason: 'SCOPE_MISSING', metadata: { scope: 'admin' } });
  });

  it('grants of models and providers hold', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello), scriptedProvider('q', hello)] });
    const { response } = await createToken(daemon, { client: 'a', scopes: ['generate'], models: ['p/small-*'], providers: ['p'] });
    const token = response?.token ?? '';
    expect((await generate(daemon, ask({ model: 'p/small-1' }), token)).text).toBe('hello');
    expect((await generate(daemon, ask({ model: 'p/large' }), token)).failure?.reason).toBe('MODEL_NOT_GRANTED');
    expect((await generate(daemon, ask({ model: 'q/small-1' }), token)).failure?.reason).toBe('PROVIDER_NOT_GRANTED');
  });

  it.each([
    [{ client: '', scopes: ['generate'] }, 'client'],
    [{ client: 'a b', scopes: ['generate'] }, 'client'],
    [{ client: 'a', scopes: [] }, 'scopes'],
    [{ client: 'a', scopes: ['everything'] }, 'scopes'],
    [{ client: 'a', scopes: ['generate'], tier: 'gold' }, 'tier'],
    [{ client: 'a', scopes: ['generate'], ttl: { seconds: 1n } }, 'ttl'],
    [{ client: 'a', scopes: ['generate'], ttl: { seconds: 400n * 86_400n } }, 'ttl'],
    [{ client: 'a', scopes: ['generate'], models: [''] }, 'models'],
  ])('a wrong request (%#) is refused, naming its field', async (request, field) => {
    const daemon = await testDaemon();
    expect((await createToken(daemon, request)).failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID', fields: [field] });
  });

  it('the admin token of another launch is refused', async () => {
    const daemon = await testDaemon();
    const other = await testDaemon();
    expect((await whoAmI(other, bearer(daemon.adminToken))).failure?.reason).toBe('TOKEN_INVALID');
  });
});

describe('the gate', () => {
  const refusals: readonly (readonly [string, (key: Buffer) => string | undefined, string])[] = [
    ['no token', () => undefined, 'TOKEN_MISSING'],
    ['alg none', () => `${Buffer.from('{"alg":"none","kid":"main"}').toString('base64url')}.${Buffer.from(JSON.stringify(goodClaims())).toString('base64url')}.`, 'TOKEN_INVALID'],
    ['alg nOnE', (key) => forge(key, { ...goodHeader, alg: 'nOnE' }, goodClaims()), 'TOKEN_INVALID'],
    ['HS512', (key) => forge(key, { ...goodHeader, alg: 'HS512' }, goodClaims(), 'sha512'), 'TOKEN_INVALID'],
    ['no exp', (key) => forge(key, goodHeader, without('exp')), 'TOKEN_INVALID'],
    ['an endless exp', (key) => forge(key, goodHeader, JSON.stringify(goodClaims()).replace(/"exp":\d+/, '"exp":1e999')), 'TOKEN_INVALID'],
    ['an exp as text', (key) => forge(key, goodHeader, { ...goodClaims(), exp: '9999999999' }), 'TOKEN_INVALID'],
    ['an exp of null', (key) => forge(key, goodHeader, { ...goodClaims(), exp: null }), 'TOKEN_INVALID'],
    ['an exp of -1', (key) => forge(key, goodHeader, { ...goodClaims(), exp: -1 }), 'TOKEN_EXPIRED'],
    ['an exp of 2^53', (key) => forge(key, goodHeader, { ...goodClaims(), exp: 2 ** 53 }), 'TOKEN_INVALID'],
    ['an exp in ten years', (key) => forge(key, goodHeader, { ...goodClaims(), exp: nowS() + 315_360_000 }), 'TOKEN_INVALID'],
    ['a past exp', (key) => forge(key, goodHeader, { ...goodClaims(), iat: nowS() - 700, exp: nowS() - 600 }), 'TOKEN_EXPIRED'],
    ['a future iat', (key) => forge(key, goodHeader, { ...goodClaims(), iat: nowS() + 3600, exp: nowS() + 7200 }), 'TOKEN_INVALID'],
    ['a future nbf', (key) => forge(key, goodHeader, { ...goodClaims(), nbf: nowS() + 3600 }), 'TOKEN_INVALID'],
    ['no aud', (key) => forge(key, goodHeader, without('aud')), 'TOKEN_INVALID'],
    ['an aud list', (key) => forge(key, goodHeader, { ...goodClaims(), aud: ['tollgate'] }), 'TOKEN_INVALID'],
    ['another aud', (key) => forge(key, goodHeader, { ...goodClaims(), aud: 'other' }), 'TOKEN_INVALID'],
    ['no iss', (key) => forge(key, goodHeader, without('iss')), 'TOKEN_INVALID'],
    ['no sub', (key) => forge(key, goodHeader, without('sub')), 'TOKEN_INVALID'],
    ['no jti', (key) => forge(key, goodHeader, without('jti')), 'TOKEN_INVALID'],
    ['an unknown scope', (key) => forge(key, goodHeader, { ...goodClaims(), scope: 'generate root' }), 'TOKEN_INVALID'],
    ['an unknown tier', (key) => forge(key, goodHeader, { ...goodClaims(), tier: 'gold' }), 'TOKEN_INVALID'],
    ['crit', (key) => forge(key, { ...goodHeader, crit: ['x'] }, goodClaims()), 'TOKEN_INVALID'],
    ['crit b64', (key) => forge(key, { ...goodHeader, crit: ['b64'], b64: false }, goodClaims()), 'TOKEN_INVALID'],
    ['jku', (key) => forge(key, { ...goodHeader, jku: 'https://evil.example' }, goodClaims()), 'TOKEN_INVALID'],
    ['jwk', (key) => forge(key, { ...goodHeader, jwk: {} }, goodClaims()), 'TOKEN_INVALID'],
    ['a kid that is a path', (key) => forge(key, { ...goodHeader, kid: '../../dev/null' }, goodClaims()), 'TOKEN_INVALID'],
    ['a kid of Object', (key) => forge(key, { ...goodHeader, kid: 'constructor' }, goodClaims()), 'TOKEN_INVALID'],
    ['the launch kid with the main key', (key) => forge(key, { ...goodHeader, kid: 'launch' }, goodClaims()), 'TOKEN_INVALID'],
    ['claims of null', (key) => forge(key, goodHeader, 'null'), 'TOKEN_INVALID'],
    ['claims that are text', (key) => forge(key, goodHeader, '"x"'), 'TOKEN_INVALID'],
    ['claims that are a list', (key) => forge(key, goodHeader, '[]'), 'TOKEN_INVALID'],
    ['claims that are no JSON', (key) => forge(key, goodHeader, 'x'), 'TOKEN_INVALID'],
    ['a __proto__ claim', (key) => forge(key, goodHeader, JSON.stringify(goodClaims()).replace('{', '{"__proto__":{"polluted":1},')), 'TOKEN_INVALID'],
    ['another key', () => forge(randomBytes(32), goodHeader, goodClaims()), 'TOKEN_INVALID'],
    ['an empty key', () => forge(Buffer.alloc(0), goodHeader, goodClaims()), 'TOKEN_INVALID'],
    ['a cut signature', (key) => forge(key, goodHeader, goodClaims()).slice(0, -2), 'TOKEN_INVALID'],
    ['two parts', (key) => forge(key, goodHeader, goodClaims()).split('.').slice(0, 2).join('.'), 'TOKEN_INVALID'],
    ['four parts', (key) => `${forge(key, goodHeader, goodClaims())}.x`, 'TOKEN_INVALID'],
    ['padding', (key) => `${forge(key, goodHeader, goodClaims())}=`, 'TOKEN_INVALID'],
    ['two joined by a comma', (key) => `${forge(key, goodHeader, goodClaims())},x`, 'TOKEN_INVALID'],
    ['8 KiB and a byte', () => `${'a'.repeat(4000)}.${'b'.repeat(4000)}.${'c'.repeat(191)}`, 'TOKEN_INVALID'],
    ['200,000 nested lists', (key) => forge(key, goodHeader, '['.repeat(2000)), 'TOKEN_INVALID'],
  ];

  it.each(refusals)('refuses %s', async (_what, make, reason) => {
    const daemon = await testDaemon();
    const token = make(secretOf(daemon));
    const { failure } = await whoAmI(daemon, token === undefined ? new Metadata() : bearer(token));
    expect(failure).toMatchObject({ code: status.UNAUTHENTICATED, reason });
    if (token !== undefined) expect(daemon.log.join('')).not.toContain(token.slice(0, 40));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('accepts what it refuses above, once nothing is wrong with it', async () => {
    const daemon = await testDaemon();
    expect((await whoAmI(daemon, bearer(forge(secretOf(daemon), goodHeader, goodClaims())))).response?.client).toBe('app');
  });

  it('refuses other schemes and spacings', async () => {
    const daemon = await testDaemon();
    for (const value of [`Basic ${daemon.adminToken}`, daemon.adminToken, 'Bearer', `Bearer  ${daemon.adminToken}`]) {
      const metadata = new Metadata();
      metadata.set('authorization', value);
      expect((await whoAmI(daemon, metadata)).failure?.reason).toBe('TOKEN_INVALID');
    }
  });

  it('tells two tokens apart that begin alike', async () => {
    const daemon = await testDaemon();
    const key = createSecretKey(secretOf(daemon));
    const tokens = ['alice', 'alicf'].map((client) => signToken(key, 'main', { client, scopes: ['generate'], tier: 'free', ttlS: 600 }).token);
    const clients = [];
    for (const token of [...tokens, ...tokens]) clients.push((await whoAmI(daemon, bearer(token))).response?.client);
    expect(clients).toEqual(['alice', 'alicf', 'alice', 'alicf']);
  });

  it('lets everybody in with --dev', async () => {
    const daemon = await testDaemon({ dev: true });
    expect((await whoAmI(daemon, new Metadata())).response).toMatchObject({ client: 'dev', tier: 'admin', expiresAt: undefined });
  });

  it('refuses to start with a signing secret that is too short', async () => {
    await expect(testDaemon({ variables: { TOLLGATE_JWT_SECRET: 'short' } })).rejects.toThrow(/5 bytes.*at least 32/s);
    const daemon = await testDaemon({ variables: { TOLLGATE_JWT_SECRET: 'x'.repeat(32) } });
    expect((await whoAmI(daemon, bearer(forge(Buffer.from('x'.repeat(32)), goodHeader, goodClaims())))).response?.client).toBe('app');
  });
});
