import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { hello, scriptedProvider } from '../scripted-provider.ts';
import { ask, generate, temporaryHome, testDaemon, type TestDaemon } from '../test-daemon.ts';
import { revokeToken, whoAmI } from './access-calls.ts';
import { forge, nowS, SECRET, SECRET_KEY } from './forge.ts';
import { AUDIENCE, ISSUER, issuerConfig, issuerKey, outsideClaims, outsideIssuer, outsideToken, type IssuerKey } from './outside-issuer.ts';

const rsa = issuerKey('r1');
const ec = issuerKey('e1', 'ES256');

const reasonOf = async (daemon: TestDaemon, token: string): Promise<string | undefined> => (await whoAmI(daemon, token)).failure?.reason;
const clientOf = async (daemon: TestDaemon, token: string): Promise<string | undefined> => (await whoAmI(daemon, token)).response?.client;

function jwksFile(keys: readonly IssuerKey[]): string {
  const file = join(temporaryHome(), 'jwks.json');
  writeFileSync(file, JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }), { mode: 0o600 });
  return file;
}

describe('a token of an outside issuer', () => {
  it.each([['RS256', rsa], ['ES256', ec]] as const)('signed with %s stands for its client', async (_algorithm, key) => {
    const issuer = await outsideIssuer([rsa, ec]);
    const daemon = await testDaemon({ config: issuerConfig({ jwks_url: issuer.url }), providers: [scriptedProvider('p', hello)] });
    const token = outsideToken(key);
    expect((await whoAmI(daemon, token)).response).toMatchObject({ client: 'bob', scopes: ['generate'], tier: 'free', expiresAt: expect.any(Date) });
    expect((await generate(daemon, ask({ model: 'p/m' }), token)).text).toBe('hello');
    expect(issuer.fetches).toBe(1);
  });

  it('is mapped by the claims that the config names', async () => {
    const claims = { client: 'azp', scope: 'roles', tier: 'plan', models: 'allowed_models', providers: 'allowed_providers' };
    const config = issuerConfig({ jwks_file: jwksFile([rsa]) }, { claims, scopes: ['generate', 'usage:read'], client_prefix: 'corp.', tiers: ['member', 'pro'], default_tier: 'member' });
    const daemon = await testDaemon({ config, providers: [scriptedProvider('p', hello), scriptedProvider('q', hello)] });
    const token = outsideToken(rsa, { ...outsideClaims(), azp: 'shop', roles: ['generate', 'usage:read', 'admin', 'Reader'], plan: 'pro', allowed_models: ['p/small-*'], allowed_providers: ['p'] });
    expect((await whoAmI(daemon, token)).response).toMatchObject({ client: 'corp.shop', scopes: ['generate', 'usage:read'], tier: 'pro' });
    expect((await generate(daemon, ask({ model: 'p/small-1' }), token)).text).toBe('hello');
    expect((await generate(daemon, ask({ model: 'p/large' }), token)).failure?.reason).toBe('MODEL_NOT_GRANTED');
    expect((await generate(daemon, ask({ model: 'q/small-1' }), token)).failure?.reason).toBe('PROVIDER_NOT_GRANTED');
  });

  it('gets no scope that the config does not list for its issuer, admin least of all', async () => {
    const file = jwksFile([rsa]);
    const everything = outsideToken(rsa, { ...outsideClaims(), scope: 'generate keys usage:read usage:admin admin' });
    const daemon = await testDaemon({ config: issuerConfig({ jwks_file: file }) });
    expect((await whoAmI(daemon, everything)).response?.scopes).toEqual(['generate']);
    const listed = await testDaemon({ config: issuerConfig({ jwks_file: file }, { scopes: ['admin'] }) });
    expect((await whoAmI(listed, everything)).response?.scopes).toEqual(['admin']);
  });

  it('without the claim of scopes allows what the config says, and nothing by default', async () => {
    const { scope: _scope, ...claims } = outsideClaims();
    const file = jwksFile([rsa]);
    const daemon = await testDaemon({ config: issuerConfig({ jwks_file: file }) });
    expect((await whoAmI(daemon, outsideToken(rsa, claims))).response?.scopes).toEqual([]);
    expect((await generate(daemon, ask({ model: 'x/y' }), outsideToken(rsa, claims))).failure).toMatchObject({ code: status.PERMISSION_DENIED, reason: 'SCOPE_MISSING' });
    const generous = await testDaemon({ config: issuerConfig({ jwks_file: file }, { default_scopes: ['generate'], default_tier: 'pro' }) });
    expect((await whoAmI(generous, outsideToken(rsa, claims))).response).toMatchObject({ scopes: ['generate'], tier: 'pro' });
  });

  it('can be revoked by its jti', async () => {
    const daemon = await testDaemon({ config: issuerConfig({ jwks_file: jwksFile([rsa]) }) });
    const token = outsideToken(rsa, { ...outsideClaims(), jti: 'outside-1' });
    expect(await clientOf(daemon, token)).toBe('bob');
    await revokeToken(daemon, 'outside-1');
    expect(await reasonOf(daemon, token)).toBe('TOKEN_REVOKED');
  });

  const weak = issuerKey('weak', 'RS256', 1024);
  const stranger = issuerKey('r1');
  const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const publicPem = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const claimsWith = (more: object): Record<string, unknown> => ({ ...outsideClaims(), ...more });
  const claimsWithout = (name: string): Record<string, unknown> => Object.fromEntries(Object.entries(outsideClaims()).filter(([key]) => key !== name));
  const hmac = (secret: string, claims: unknown = outsideClaims(), header: object = {}): string => forge(Buffer.from(secret), { alg: 'HS256', typ: 'JWT', kid: 'r1', ...header }, claims);

  it.each<readonly [string, () => string, string]>([
    ['signed by a stranger under a known kid', () => outsideToken(stranger), 'TOKEN_INVALID'],
    ['signed by a key of 1024 bits', () => outsideToken(weak), 'TOKEN_INVALID'],
    ['with a kid that nobody publishes', () => outsideToken({ ...stranger, kid: 'r9' }), 'TOKEN_INVALID'],
    ['without a kid where there are several keys', () => outsideToken(rsa, outsideClaims(), { kid: undefined }), 'TOKEN_INVALID'],
    ['with the kid of a key for another algorithm', () => outsideToken(ec, outsideClaims(), { kid: 'r1' }), 'TOKEN_INVALID'],
    ['signed with HS256 and the PEM of a public key', () => hmac(publicPem), 'TOKEN_INVALID'],
    ['signed with HS256 and the JWK', () => hmac(JSON.stringify(rsa.jwk)), 'TOKEN_INVALID'],
    ['signed with HS256 and the PEM without its first and last line', () => hmac(publicPem.split('\n').slice(1, -2).join('')), 'TOKEN_INVALID'],
    ['signed with HS256 and our own secret', () => forge(SECRET_KEY, { alg: 'HS256', typ: 'JWT', kid: 'main' }, claimsWith({ tier: 'admin', jti: 'x' })), 'TOKEN_INVALID'],
    ['that says RS256 over an HMAC', () => hmac(pem, outsideClaims(), { alg: 'RS256' }), 'TOKEN_INVALID'],
    ['with alg none', () => outsideToken(rsa, outsideClaims(), { alg: 'none' }), 'TOKEN_INVALID'],
    ['with RS512', () => outsideToken(rsa, outsideClaims(), { alg: 'RS512' }), 'TOKEN_INVALID'],
    ['with jku in the header', () => outsideToken(rsa, outsideClaims(), { jku: 'http://127.0.0.1:1/jwks' }), 'TOKEN_INVALID'],
    ['with its own jwk in the header', () => outsideToken(stranger, outsideClaims(), { jwk: stranger.jwk }), 'TOKEN_INVALID'],
    ['with x5c in the header', () => outsideToken(rsa, outsideClaims(), { x5c: ['x'] }), 'TOKEN_INVALID'],
    ['with crit in the header', () => outsideToken(rsa, outsideClaims(), { crit: ['exp'] }), 'TOKEN_INVALID'],
    ['that is a logout token', () => outsideToken(rsa, outsideClaims(), { typ: 'logout+jwt' }), 'TOKEN_INVALID'],
    ['of another issuer', () => outsideToken(rsa, claimsWith({ iss: `${ISSUER}/` })), 'TOKEN_INVALID'],
    ['in our own name', () => outsideToken(rsa, claimsWith({ iss: 'tollgate', aud: 'tollgate' })), 'TOKEN_INVALID'],
    ['with a list of issuers', () => outsideToken(rsa, claimsWith({ iss: [ISSUER] })), 'TOKEN_INVALID'],
    ['for another audience', () => outsideToken(rsa, claimsWith({ aud: 'tollgate' })), 'TOKEN_INVALID'],
    ['for a list of audiences', () => outsideToken(rsa, claimsWith({ aud: [AUDIENCE, 'x'] })), 'TOKEN_INVALID'],
    ['for no audience', () => outsideToken(rsa, claimsWithout('aud')), 'TOKEN_INVALID'],
    ['without an end', () => outsideToken(rsa, claimsWithout('exp')), 'TOKEN_INVALID'],
    ['with an end as text', () => outsideToken(rsa, claimsWith({ exp: String(nowS() + 600) })), 'TOKEN_INVALID'],
    ['that has ended', () => outsideToken(rsa, claimsWith({ exp: nowS() - 120 })), 'TOKEN_EXPIRED'],
    ['that lasts ten years', () => outsideToken(rsa, claimsWith({ exp: nowS() + 315_360_000 })), 'TOKEN_INVALID'],
    ['that begins tomorrow', () => outsideToken(rsa, claimsWith({ nbf: nowS() + 86_400 })), 'TOKEN_INVALID'],
    ['that was made tomorrow', () => outsideToken(rsa, claimsWith({ iat: nowS() + 86_400, exp: nowS() + 90_000 })), 'TOKEN_INVALID'],
    ['without a client', () => outsideToken(rsa, claimsWithout('sub')), 'TOKEN_INVALID'],
    ['with a client that is no name', () => outsideToken(rsa, claimsWith({ sub: 'a|b' })), 'TOKEN_INVALID'],
    ['with scopes that are a number', () => outsideToken(rsa, claimsWith({ scope: 7 })), 'TOKEN_INVALID'],
    ['with a __proto__ claim', () => outsideToken(rsa, JSON.stringify(outsideClaims()).replace('{', '{"__proto__":{"polluted":1},')), 'TOKEN_INVALID'],
    ['with two claims of the same name', () => outsideToken(rsa, JSON.stringify(outsideClaims()).replace('{', '{"aud":"x",')), 'TOKEN_INVALID'],
  ])('%s is refused, and nothing of it is logged', async (_what, make, reason) => {
    const daemon = await testDaemon({ config: issuerConfig({ jwks_file: jwksFile([rsa, ec, weak, issuerKey('r2')]) }, { scopes: ['generate', 'admin'], tiers: ['admin', 'free'] }), variables: { TOLLGATE_JWT_SECRET: SECRET } });
    const token = make();
    expect((await whoAmI(daemon, token)).failure).toMatchObject({ code: status.UNAUTHENTICATED, reason });
    for (const part of token.split('.')) if (part.length >= 16) expect(daemon.log.join('')).not.toContain(part.slice(0, 16));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('is refused where its algorithm is not the one of its issuer', async () => {
    const daemon = await testDaemon({ config: issuerConfig({ jwks_file: jwksFile([rsa, ec]) }, { algorithms: ['ES256'] }) });
    expect([await reasonOf(daemon, outsideToken(rsa)), await clientOf(daemon, outsideToken(ec))]).toEqual(['TOKEN_INVALID', 'bob']);
  });

  it('needs no kid where its issuer has one key', async () => {
    const sole = issuerKey(undefined);
    const daemon = await testDaemon({ config: issuerConfig({ jwks_file: jwksFile([sole]) }) });
    expect(await clientOf(daemon, outsideToken(sole))).toBe('bob');
  });

  it('is refused when no issuer is configured', async () => {
    expect(await reasonOf(await testDaemon(), outsideToken(rsa))).toBe('TOKEN_INVALID');
  });
});

describe("an outside issuer's keys", () => {
  it('are fetched again for a key that is new, and an old one is refused once it is gone', async () => {
    const issuer = await outsideIssuer([rsa]);
    const daemon = await testDaemon({ config: issuerConfig({ jwks_url: issuer.url }) });
    const before = outsideToken(rsa);
    expect(await clientOf(daemon, before)).toBe('bob');
    const next = issuerKey('r2');
    issuer.answer = [next];
    expect(await clientOf(daemon, outsideToken(next))).toBe('bob');
    expect(issuer.fetches).toBe(2);
    expect(await reasonOf(daemon, before)).toBe('TOKEN_INVALID');
  });

  it('are fetched for unknown keys once a minute at most, and once for many tokens at a time', async () => {
    const issuer = await outsideIssuer([rsa]);
    const daemon = await testDaemon({ config: issuerConfig({ jwks_url: issuer.url }) });
    const tokens = Array.from({ length: 20 }, () => outsideToken(rsa, { ...outsideClaims(), jti: crypto.randomUUID() }));
    expect(await Promise.all(tokens.map((token) => clientOf(daemon, token)))).toEqual(tokens.map(() => 'bob'));
    expect(issuer.fetches).toBe(1);
    const strange = Array.from({ length: 20 }, (_, index) => outsideToken({ ...rsa, kid: `unknown-${index}` }));
    expect(await Promise.all(strange.map((token) => reasonOf(daemon, token)))).toEqual(strange.map(() => 'TOKEN_INVALID'));
    expect(issuer.fetches).toBe(2);
  });

  it.each([
    ['an error', (response: { writeHead: (code: number) => { end: (text?: string) => void } }) => response.writeHead(500).end('no'), /HTTP 500/],
    ['a redirect', (response: { writeHead: (code: number, headers: object) => { end: () => void } }) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), /HTTP 302; redirects are not followed/],
    ['what is no JSON', (response: { end: (text: string) => void }) => response.end('<html>'), /not JSON/],
    ['too much', (response: { end: (text: string) => void }) => response.end(' '.repeat(300_000)), /longer than 262144 bytes/],
    ['no key that fits', (response: { end: (text: string) => void }) => response.end(JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] })), /no key for signatures/],
  ])('that come as %s make its tokens unverifiable, which is not the token\'s fault', async (_what, answer, message) => {
    const issuer = await outsideIssuer([]);
    issuer.answer = (_request, response) => {
      answer(response as never);
    };
    const daemon = await testDaemon({ config: issuerConfig({ jwks_url: issuer.url }) });
    expect((await whoAmI(daemon, outsideToken(rsa))).failure).toMatchObject({ code: status.UNAVAILABLE, reason: 'KEY_STORE_UNAVAILABLE', message: expect.stringMatching(message), retryAfterMs: 5000 });
    expect(await clientOf(daemon, daemon.adminToken)).toBe('admin');
    expect(issuer.fetches).toBe(1);
  });

  it('in a file are read again when it changes, and not when others may write it', async () => {
    const file = jwksFile([rsa]);
    const daemon = await testDaemon({ config: issuerConfig({ jwks_file: file }) });
    const old = outsideToken(rsa);
    expect(await clientOf(daemon, old)).toBe('bob');
    writeFileSync(file, JSON.stringify({ keys: [ec.jwk] }));
    expect(await clientOf(daemon, outsideToken(ec))).toBe('bob');
    expect(await reasonOf(daemon, old)).toBe('TOKEN_INVALID');
    chmodSync(file, 0o666);
    expect((await whoAmI(daemon, outsideToken(ec, { ...outsideClaims(), jti: '2' }))).failure).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE', message: expect.stringContaining('others may write it') });
    rmSync(file);
    expect(await reasonOf(daemon, outsideToken(ec, { ...outsideClaims(), jti: '3' }))).toBe('KEY_STORE_UNAVAILABLE');
  });

  it('are looked at no more once the config names the issuer no more', async () => {
    const file = jwksFile([rsa]);
    const daemon = await testDaemon({ config: issuerConfig({ jwks_file: file }) });
    const token = outsideToken(rsa);
    expect(await clientOf(daemon, token)).toBe('bob');
    daemon.writeConfig({});
    await vi.waitUntil(() => daemon.log.some((line) => line.includes('the config changed')));
    expect(await reasonOf(daemon, token)).toBe('TOKEN_INVALID');
  });
});

describe('the config of issuers', () => {
  const keys = { jwks_file: '/etc/tollgate/jwks.json' };
  it.each([
    ['neither file nor address', {}, /"jwks_file" or "jwks_url"/],
    ['both file and address', { ...keys, jwks_url: 'https://login.example/jwks' }, /"jwks_file" or "jwks_url"/],
    ['plain http beyond loopback', { jwks_url: 'http://login.example/jwks' }, /write an https: address, or http: on loopback/],
    ['an address with a password', { jwks_url: 'https://a:b@login.example/jwks' }, /write an https: address/],
    ['a relative path', { jwks_file: 'jwks.json' }, /absolute path/],
    ['an empty audience', { ...keys, audience: '' }, /audience/],
    ['an empty issuer', { ...keys, issuer: '' }, /issuer/],
    ['our own name', { ...keys, issuer: 'tollgate' }, /own name/],
    ['HS256', { ...keys, algorithms: ['HS256'] }, /there is only RS256, ES256/],
    ['no algorithm', { ...keys, algorithms: [] }, /algorithms/],
    ['an unknown scope', { ...keys, scopes: ['root'] }, /there is only generate, keys/],
    ['default scopes beyond its scopes', { ...keys, default_scopes: ['admin'] }, /must stand in "scopes"/],
    ['a default tier beyond its tiers', { ...keys, default_tier: 'admin' }, /must stand in "tiers"/],
  ])('with %s is refused at the start', async (_what, entry, message) => {
    await expect(testDaemon({ config: issuerConfig({}, entry) })).rejects.toThrow(message);
  });

  it('with the same issuer twice is refused', async () => {
    const entry = { issuer: ISSUER, audience: AUDIENCE, jwks_file: '/x' };
    await expect(testDaemon({ config: { issuers: [entry, entry] } })).rejects.toThrow(/twice/);
  });

  it('stands in the published schema', () => {
    const schema = JSON.parse(readFileSync(new URL('../../../config.schema.json', import.meta.url), 'utf8'));
    expect(Object.keys(schema.properties.issuers.items.properties)).toContain('jwks_url');
  });
});
