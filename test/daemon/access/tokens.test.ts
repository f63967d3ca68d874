import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { hello, scriptedProvider } from '../scripted-provider.ts';
import { ask, generate, testDaemon } from '../test-daemon.ts';
import { createToken, listTokens, made, restarted, revokeToken, whoAmI } from './access-calls.ts';
import { forge, goodClaims, goodHeader, SECRET, SECRET_KEY } from './forge.ts';

describe('CreateToken', () => {
  it('makes a token that stands for its client and allows what it names', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const { token } = await made(daemon, { client: 'my-app', scopes: ['generate'], ttl: { seconds: 3600n } });
    expect((await whoAmI(daemon, token)).response).toMatchObject({ client: 'my-app', tier: 'premium', scopes: ['generate'] });
    expect((await generate(daemon, ask({ model: 'p/m' }), token)).text).toBe('hello');
    expect((await createToken(daemon, { client: 'x', scopes: ['admin'] }, token)).failure).toMatchObject({ code: status.PERMISSION_DENIED, reason: 'SCOPE_MISSING', metadata: { scope: 'admin' } });
  });

  it('grants models and providers to each token for itself', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello), scriptedProvider('q', hello)] });
    const narrow = await made(daemon, { client: 'a', scopes: ['generate'], models: ['p/small-*'], providers: ['p'] });
    const wide = await made(daemon, { client: 'a', scopes: ['generate'] });
    expect((await generate(daemon, ask({ model: 'p/small-1' }), narrow.token)).text).toBe('hello');
    expect((await generate(daemon, ask({ model: 'p/large' }), narrow.token)).failure?.reason).toBe('MODEL_NOT_GRANTED');
    expect((await generate(daemon, ask({ model: 'q/small-1' }), narrow.token)).failure?.reason).toBe('PROVIDER_NOT_GRANTED');
    expect((await generate(daemon, ask({ model: 'q/small-1' }), wide.token)).text).toBe('hello');
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
  ])('refuses a wrong request (%#), naming its field', async (request, field) => {
    const daemon = await testDaemon();
    expect((await createToken(daemon, request)).failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID', fields: [field] });
    expect((await listTokens(daemon)).response?.tokens).toEqual([]);
  });
});

describe('the admin token of a launch', () => {
  it('has every scope, in a file that only its owner reads', async () => {
    const daemon = await testDaemon();
    expect((await whoAmI(daemon, daemon.adminToken)).response).toMatchObject({ client: 'admin', tier: 'admin', scopes: ['generate', 'keys', 'usage:read', 'usage:admin', 'admin'] });
    expect(statSync(daemon.environment.home.adminTokenFile).mode & 0o777).toBe(0o600);
    expect(statSync(daemon.environment.home.runDir).mode & 0o777).toBe(0o700);
  });

  it('is refused by another launch', async () => {
    const [daemon, other] = [await testDaemon(), await testDaemon()];
    expect((await whoAmI(other, daemon.adminToken)).failure?.reason).toBe('TOKEN_INVALID');
  });
});

describe('ListTokens', () => {
  it('names the tokens that were made here, the newest first, a page at a time, and not those of the launch', async () => {
    const daemon = await testDaemon();
    const ids: string[] = [];
    for (const client of ['a', 'b', 'c', 'd', 'e']) ids.unshift((await made(daemon, { client, scopes: ['generate', 'keys'], tier: 'member', models: ['p/*'], providers: ['p'] })).id);
    const seen: string[] = [];
    const sizes: number[] = [];
    let pageToken = '';
    do {
      const { response } = await listTokens(daemon, { pageSize: 2, pageToken });
      seen.push(...(response?.tokens.map(({ id }) => id) ?? []));
      sizes.push(response?.tokens.length ?? 0);
      pageToken = response?.nextPageToken ?? '';
    } while (pageToken !== '');
    expect(sizes).toEqual([2, 2, 1]);
    expect(seen.toSorted()).toEqual(ids.toSorted());
    const [newest] = (await listTokens(daemon)).response?.tokens ?? [];
    expect(newest).toMatchObject({ client: expect.stringMatching(/^[a-e]$/), scopes: ['generate', 'keys'], tier: 'member', models: ['p/*'], providers: ['p'], revokedAt: undefined });
    const times = (await listTokens(daemon)).response?.tokens.map(({ createdAt }) => Number(createdAt)) ?? [];
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  it('goes on after a page at the same place when tokens are made and revoked in between', async () => {
    const daemon = await testDaemon();
    for (const client of ['a', 'b', 'c']) await made(daemon, { client, scopes: ['generate'] });
    const first = (await listTokens(daemon, { pageSize: 1 })).response;
    await made(daemon, { client: 'later', scopes: ['generate'] });
    await revokeToken(daemon, first?.tokens[0]?.id ?? '');
    const rest = (await listTokens(daemon, { pageToken: first?.nextPageToken ?? '' })).response;
    expect(new Set([first?.tokens[0]?.client, ...(rest?.tokens.map(({ client }) => client) ?? [])])).toEqual(new Set(['a', 'b', 'c']));
  });

  it.each([
    [{ pageSize: -1 }, 'page_size'],
    [{ pageSize: 1001 }, 'page_size'],
    [{ pageToken: 'eA' }, 'page_token'],
  ])('refuses %j', async (request, field) => {
    expect((await listTokens(await testDaemon(), request)).failure).toMatchObject({ reason: 'REQUEST_INVALID', fields: [field] });
  });

  it('leaves out tokens that have expired, also in the file', async () => {
    const daemon = await testDaemon();
    const kept = await made(daemon, { client: 'kept', scopes: ['generate'] });
    const { tokensFile } = daemon.environment.home;
    const held = JSON.parse(readFileSync(tokensFile, 'utf8'));
    held.tokens.push({ ...held.tokens[0], id: 'old', expires_at: new Date(Date.now() - 1000).toISOString() });
    await daemon.daemon.close(true);
    writeFileSync(tokensFile, JSON.stringify(held), { mode: 0o600 });
    const next = await restarted(daemon);
    expect((await listTokens(next)).response?.tokens.map(({ id }) => id)).toEqual([kept.id]);
    await made(next, { client: 'x', scopes: ['generate'] });
    expect(readFileSync(tokensFile, 'utf8')).not.toContain('"old"');
  });
});

describe('RevokeToken', () => {
  it('ends a token at once, also one that was just used, and shows when', async () => {
    const daemon = await testDaemon();
    const [one, other] = [await made(daemon, { client: 'a', scopes: ['generate'] }), await made(daemon, { client: 'a', scopes: ['generate'] })];
    expect((await whoAmI(daemon, one.token)).response?.client).toBe('a');
    const { response } = await revokeToken(daemon, one.id);
    expect(response?.token).toMatchObject({ id: one.id, client: 'a', revokedAt: expect.any(Date) });
    expect((await whoAmI(daemon, one.token)).failure).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'TOKEN_REVOKED' });
    expect((await whoAmI(daemon, other.token)).response?.client).toBe('a');
    const listed = (await listTokens(daemon)).response?.tokens.find(({ id }) => id === one.id);
    expect(listed?.revokedAt).toEqual(response?.token?.revokedAt);
    expect((await revokeToken(daemon, one.id)).response?.token?.revokedAt).toEqual(listed?.revokedAt);
  });

  it('holds over restarts, for tokens of which nothing is known too', async () => {
    const daemon = await testDaemon({ variables: { TOLLGATE_JWT_SECRET: SECRET } });
    const listed = await made(daemon, { client: 'a', scopes: ['generate'] });
    const unlisted = forge(SECRET_KEY, goodHeader, { ...goodClaims(), jti: 'made by an earlier version' });
    expect((await whoAmI(daemon, unlisted)).response?.client).toBe('app');
    await revokeToken(daemon, listed.id);
    expect((await revokeToken(daemon, 'made by an earlier version')).response?.token).toMatchObject({ id: 'made by an earlier version', client: '', expiresAt: undefined });
    const next = await restarted(daemon);
    for (const token of [listed.token, unlisted]) expect((await whoAmI(next, token)).failure?.reason).toBe('TOKEN_REVOKED');
    expect((await listTokens(next)).response?.tokens.map(({ id }) => id)).toEqual([listed.id]);
    expect(statSync(daemon.environment.home.tokensFile).mode & 0o777).toBe(0o600);
  });

  it('writes down no token', async () => {
    const daemon = await testDaemon();
    const { token } = await made(daemon, { client: 'a', scopes: ['generate'] });
    const held = readFileSync(daemon.environment.home.tokensFile, 'utf8') + daemon.log.join('');
    for (const part of token.split('.')) expect(held).not.toContain(part.slice(0, 16));
  });

  it.each([
    ['nothing', ''],
    ['257 characters', 'x'.repeat(257)],
    ['a token instead of its id', `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ${'a'.repeat(40)}.abc`],
  ])('refuses %s, and logs none of it', async (_what, id) => {
    const daemon = await testDaemon();
    expect((await revokeToken(daemon, id)).failure).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['id'] });
    if (id !== '') expect(daemon.log.join('')).not.toContain(id);
  });

  it('forgets a revocation when its token can be good no longer', async () => {
    const daemon = await testDaemon({ variables: { TOLLGATE_JWT_SECRET: SECRET } });
    await revokeToken(daemon, 'long ago');
    await daemon.daemon.close(true);
    const { tokensFile } = daemon.environment.home;
    const held = JSON.parse(readFileSync(tokensFile, 'utf8'));
    held.revoked[0].expires_at = new Date(Date.now() - 2 * 86_400_000).toISOString();
    writeFileSync(tokensFile, JSON.stringify(held), { mode: 0o600 });
    const next = await restarted(daemon);
    await revokeToken(next, 'now');
    expect(JSON.parse(readFileSync(tokensFile, 'utf8')).revoked.map(({ id }: { id: string }) => id)).toEqual(['now']);
  });
});

describe('state/tokens.json', () => {
  it.each([
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['zero bytes', '\0'.repeat(64)],
    ['a revocation without a time', '{"version":1,"tokens":[],"revoked":[{"id":"x"}]}'],
    ['a list of revocations that is none', '{"version":1,"tokens":[],"revoked":{}}'],
  ])('that holds %s keeps the daemon from starting: revoked tokens would be good again', async (_what, text) => {
    const daemon = await testDaemon();
    writeFileSync(daemon.environment.home.tokensFile, text, { mode: 0o600 });
    await expect(restarted(daemon)).rejects.toMatchObject({ exitCode: 78, message: expect.stringMatching(/tokens\.json is damaged.*revoked token good again.*another secret/s) });
  });

  it('of a newer version keeps the daemon from starting, and stays as it is', async () => {
    const daemon = await testDaemon();
    const { tokensFile } = daemon.environment.home;
    const text = '{"version":2,"tokens":[],"revoked":[]}';
    writeFileSync(tokensFile, text, { mode: 0o600 });
    await expect(restarted(daemon)).rejects.toMatchObject({ exitCode: 78, message: expect.stringContaining('newer Tollgate') });
    expect(readFileSync(tokensFile, 'utf8')).toBe(text);
  });

  it('with one more brace keeps the daemon from starting', async () => {
    const daemon = await testDaemon();
    await made(daemon, { client: 'a', scopes: ['generate'] });
    appendFileSync(daemon.environment.home.tokensFile, '}');
    await expect(restarted(daemon)).rejects.toMatchObject({ exitCode: 78 });
  });

  it('keeps its mode over many writes at the same time, and loses none of them', async () => {
    const daemon = await testDaemon();
    const all = await Promise.all(Array.from({ length: 40 }, (_, index) => made(daemon, { client: `a${index}`, scopes: ['generate'] })));
    const next = await restarted(daemon);
    expect((await listTokens(next, { pageSize: 1000 })).response?.tokens.map(({ id }) => id).toSorted()).toEqual(all.map(({ id }) => id).toSorted());
    expect(statSync(daemon.environment.home.tokensFile).mode & 0o777).toBe(0o600);
  });
});
