import { randomBytes } from 'node:crypto';
import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { daemonFile, spawnDaemon } from '../spawned-daemon.ts';
import { testDaemon, type TestDaemon } from '../test-daemon.ts';
import { whoAmI } from './access-calls.ts';
import { forge, goodClaims, goodHeader, nowS, SECRET, SECRET_KEY } from './forge.ts';
import { rawWhoAmI } from './raw-call.ts';

const daemonWithSecret = (): Promise<TestDaemon> => testDaemon({ variables: { TOLLGATE_JWT_SECRET: SECRET } });

const make = (header: unknown, claims: unknown = goodClaims(), digest?: string): string => forge(SECRET_KEY, header, claims, digest);
const withHeader = (more: object): string => make({ ...goodHeader, ...more });
const withClaims = (more: object): string => make(goodHeader, { ...goodClaims(), ...more });
const withoutClaim = (name: string): string => make(goodHeader, Object.fromEntries(Object.entries(goodClaims()).filter(([key]) => key !== name)));
const good = (): string => make(goodHeader);
const encode = (text: string): string => Buffer.from(text).toString('base64url');

/** Everything that the process writes while the test runs, beside the daemon's own log. */
function standardStreams(): () => string {
  const written: string[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream);
    const spy = vi.spyOn(stream, 'write').mockImplementation((...parts: Parameters<typeof write>): boolean => {
      written.push(String(parts[0]));
      return write(...parts);
    });
    onTestFinished(() => spy.mockRestore());
  }
  return () => written.join('');
}

/** No part of a token that is long enough to be of use. */
function expectNothingOf(token: string, texts: string): void {
  for (const part of token.split('.')) if (part.length >= 16) expect(texts).not.toContain(part.slice(0, 16));
}

/** reliability.md §9 J, by its numbers. */
const refusals: readonly (readonly [string, () => string, string?])[] = [
  ['1 alg none', () => `${encode('{"alg":"none","kid":"main"}')}.${encode(JSON.stringify(goodClaims()))}.`],
  ['1 alg none with a signature', () => withHeader({ alg: 'none' })],
  ['2 alg nOnE', () => withHeader({ alg: 'nOnE' })],
  ['3 RS256 over our secret', () => withHeader({ alg: 'RS256' })],
  ['5 no exp', () => withoutClaim('exp')],
  ['6 an endless exp', () => make(goodHeader, JSON.stringify(goodClaims()).replace(/"exp":\d+/, '"exp":1e999'))],
  ['7 an exp as text', () => withClaims({ exp: '9999999999' })],
  ['8 an exp of null', () => withClaims({ exp: null })],
  ['8 an exp of -1', () => withClaims({ exp: -1 }), 'TOKEN_EXPIRED'],
  ['8 an exp of 2^53', () => withClaims({ exp: 2 ** 53 })],
  ['8 an exp in ten years', () => withClaims({ exp: nowS() + 315_360_000 })],
  ['8 a past exp', () => withClaims({ iat: nowS() - 700, exp: nowS() - 600 }), 'TOKEN_EXPIRED'],
  ['9 an iat in ten years', () => withClaims({ iat: nowS() + 315_360_000, exp: nowS() + 315_360_600 })],
  ['9 an nbf in ten years', () => withClaims({ nbf: nowS() + 315_360_000 })],
  ['9 a future iat', () => withClaims({ iat: nowS() + 3600, exp: nowS() + 7200 })],
  ['10 no aud', () => withoutClaim('aud')],
  ['10 an aud list', () => withClaims({ aud: ['tollgate'] })],
  ['10 an aud object', () => withClaims({ aud: { tollgate: true } })],
  ['10 another aud', () => withClaims({ aud: 'other' })],
  ['10 no iss', () => withoutClaim('iss')],
  ['10 an empty iss', () => withClaims({ iss: '' })],
  ['11 crit', () => withHeader({ crit: ['x'] })],
  ['12 crit b64', () => withHeader({ crit: ['b64'], b64: false })],
  ['13 claims of null', () => make(goodHeader, 'null')],
  ['14 claims that are text', () => make(goodHeader, '"x"')],
  ['14 claims that are a list', () => make(goodHeader, '[]')],
  ['14 claims that are no JSON', () => make(goodHeader, 'x')],
  ['14 a header that is a list', () => make('[]')],
  ['14 a header that is no JSON', () => make('x')],
  ['15 two aud, the last one ours', () => make(goodHeader, JSON.stringify(goodClaims()).replace('{', '{"aud":"other",'))],
  ['15 two aud, the first one ours', () => make(goodHeader, JSON.stringify(goodClaims()).replace(/}$/, ',"aud":"other"}'))],
  ['15 two aud, one written with an escape', () => make(goodHeader, JSON.stringify(goodClaims()).replace('{', '{"\\u0061ud":"tollgate",'))],
  ['15 two alg in the header', () => make('{"alg":"none","alg":"HS256","typ":"JWT","kid":"main"}')],
  ['16 a __proto__ claim', () => make(goodHeader, JSON.stringify(goodClaims()).replace('{', '{"__proto__":{"polluted":1},'))],
  ['16 a __proto__ in the header', () => make('{"__proto__":{"polluted":1},"alg":"HS256","kid":"main"}')],
  ['17 an empty key', () => forge(Buffer.alloc(0), goodHeader, goodClaims())],
  ['17 a key of one byte', () => forge(Buffer.from('x'), goodHeader, goodClaims())],
  ['18 a kid that is a path', () => withHeader({ kid: '../../dev/null' })],
  ['18 a kid that is SQL', () => withHeader({ kid: "main'; DROP TABLE keys" })],
  ['18 a kid of 6 KB', () => withHeader({ kid: 'k'.repeat(6000) })],
  ['18 a kid that every object has', () => withHeader({ kid: 'constructor' })],
  ['18 a kid that is a number', () => withHeader({ kid: 1 })],
  ['18 no kid', () => withHeader({ kid: undefined })],
  ['18 the kid of the launch over the key of this home', () => withHeader({ kid: 'launch' })],
  ['19 jku', () => withHeader({ jku: 'https://evil.example' })],
  ['19 jwk', () => withHeader({ jwk: { kty: 'oct', k: encode(SECRET) } })],
  ['19 x5c', () => withHeader({ x5c: ['AAAA'] })],
  ['20 8 KiB and a byte', () => `${'a'.repeat(4000)}.${'b'.repeat(4000)}.${'c'.repeat(191)}`],
  ['21 nested lists', () => make(goodHeader, '['.repeat(3000))],
  ['21 nested lists that end', () => make(goodHeader, `${'['.repeat(2500)}${']'.repeat(2500)}`)],
  ['22 padding', () => `${good()}=`],
  ['22 two parts', () => good().split('.').slice(0, 2).join('.')],
  ['22 four parts', () => `${good()}.x`],
  ['22 empty parts', () => '..'],
  ['22 no signature', () => `${good().split('.').slice(0, 2).join('.')}.`],
  ['23 HS512', () => make({ ...goodHeader, alg: 'HS512' }, goodClaims(), 'sha512')],
  ['23 HS384', () => make({ ...goodHeader, alg: 'HS384' }, goodClaims(), 'sha384')],
  ['24 two joined by a comma', () => `${good()},${good()}`],
  ['25 a cut signature', () => good().slice(0, -2)],
  ['25 the signature of another token', () => `${withClaims({ sub: 'mallory' }).split('.').slice(0, 2).join('.')}.${good().split('.')[2]}`],
  ['25 another key', () => forge(randomBytes(32), goodHeader, goodClaims())],
  ['no sub', () => withoutClaim('sub')],
  ['a sub that is no name', () => withClaims({ sub: 'a b' })],
  ['no jti', () => withoutClaim('jti')],
  ['an unknown scope', () => withClaims({ scope: 'generate root' })],
  ['scopes as a list', () => withClaims({ scope: ['generate'] })],
  ['an unknown tier', () => withClaims({ tier: 'gold' })],
  ['no models at all', () => withClaims({ models: [] })],
  ['providers that are no texts', () => withClaims({ providers: [1] })],
];

describe('a forged token', () => {
  it.each(refusals.map(([what, forged, reason = 'TOKEN_INVALID']) => ({ what, forged, reason })))('($what) is refused, and nothing of it is written anywhere', async ({ forged, reason }) => {
    const daemon = await daemonWithSecret();
    const streams = standardStreams();
    const token = forged();
    const { failure } = await whoAmI(daemon, token);
    expect(failure).toMatchObject({ code: status.UNAUTHENTICATED, reason });
    expectNothingOf(token, `${daemon.log.join('')}${streams()}${JSON.stringify(failure)}`);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('is accepted once nothing is wrong with it', async () => {
    expect((await whoAmI(await daemonWithSecret(), good())).response?.client).toBe('app');
  });

  it.each([
    ['70 KB', 70_000],
    ['8 MB', 8_000_000],
  ])('of %s (20) is refused before it is parsed, and the daemon goes on', async (_what, size) => {
    const daemon = await daemonWithSecret();
    const { grpcStatus } = await rawWhoAmI(daemon.daemon.grpc ?? '', { authorization: `Bearer ${'a'.repeat(size)}.b.c` });
    expect([status.UNAUTHENTICATED, undefined]).toContain(grpcStatus);
    expect((await whoAmI(daemon, good())).response?.client).toBe('app');
    expect(daemon.log.join('')).not.toContain('aaaaaaaaaaaaaaaa');
  });
});

describe('the metadata "authorization"', () => {
  it.each<readonly [string, (token: string) => string]>([
    ['of another scheme', (token) => `Basic ${token}`],
    ['without a scheme', (token) => token],
    ['without a token', () => 'Bearer'],
    ['with two spaces', (token) => `Bearer  ${token}`],
    ['with two tokens', (token) => `Bearer ${token} ${token}`],
    ['with a word behind', (token) => `Bearer ${token} x`],
  ])('%s is refused (24)', async (_what, value) => {
    const daemon = await daemonWithSecret();
    const metadata = new Metadata();
    metadata.set('authorization', value(good()));
    expect((await whoAmI(daemon, metadata)).failure?.reason).toBe('TOKEN_INVALID');
  });

  it('may write its scheme in any case', async () => {
    const daemon = await daemonWithSecret();
    const metadata = new Metadata();
    metadata.set('authorization', `bearer ${good()}`);
    expect((await whoAmI(daemon, metadata)).response?.client).toBe('app');
  });

  it.each([
    ['letters of Latin-1', 'Bearer s\u00e9cret-t\u00f6ken-\u00ff\u00fe'],
    ['a tab at its end', `Bearer ${'secret'.repeat(8)}.b.c\t`],
    ['a NUL in its middle', `Bearer ${'secret'.repeat(8)}.b\u0001.c`],
  ])('with %s is refused, and reaches no log (24)', async (_what, value) => {
    // In a process of its own: gRPC quotes what it cannot read on standard error.
    const daemon = spawnDaemon({ variables: { TOLLGATE_LOG_LEVEL: 'trace' } });
    await daemon.ready;
    const { grpc } = daemonFile(daemon);
    expect([status.UNAUTHENTICATED, undefined]).toContain((await rawWhoAmI(grpc ?? '', { authorization: value })).grpcStatus);
    daemon.child.kill('SIGTERM');
    await daemon.exit;
    expect(daemon.log()).toContain('tollgated has stopped');
    expect(daemon.log()).not.toMatch(/s.cret/);
  });

  it.each(['x-api-key', 'cookie', 'token', 'grpc-authorization', 'proxy-authorization'])('is not replaced by "%s"', async (name) => {
    const daemon = await daemonWithSecret();
    const { grpcStatus, headers } = await rawWhoAmI(daemon.daemon.grpc ?? '', { [name]: `Bearer ${good()}` });
    expect([grpcStatus, decodeURIComponent(String(headers['grpc-message']))]).toEqual([status.UNAUTHENTICATED, expect.stringContaining('this call needs a token')]);
  });

  it('is needed: without it a call is TOKEN_MISSING', async () => {
    expect((await whoAmI(await daemonWithSecret(), new Metadata())).failure).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'TOKEN_MISSING' });
  });
});

describe('the verifier', () => {
  it('tells two tokens apart that are alike for 200 characters and more, each time', async () => {
    const daemon = await daemonWithSecret();
    const now = nowS();
    const tokens = ['alice', 'bob'].map((sub) => make(goodHeader, { iss: 'tollgate', aud: 'tollgate', scope: 'generate', tier: 'free', jti: 'j', iat: now, exp: now + 600, models: ['a-provider/a-rather-long-name-of-a-model-*'], sub }));
    expect(tokens[0]?.slice(0, 250)).toBe(tokens[1]?.slice(0, 250));
    const seen = [];
    for (const token of [...tokens, ...tokens]) seen.push((await whoAmI(daemon, token)).response?.client);
    expect(seen).toEqual(['alice', 'bob', 'alice', 'bob']);
  });

  it('lets everybody in with --dev', async () => {
    const daemon = await testDaemon({ dev: true });
    expect((await whoAmI(daemon, new Metadata())).response).toMatchObject({ client: 'dev', tier: 'admin', expiresAt: undefined });
  });
});
