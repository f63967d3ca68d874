import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { KeySource, KeyState, ValidateKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/v1/keys_service.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { adminDaemon, failureOf } from './admin-daemon.ts';
import { KEY, keyedUpstream, OTHER_KEY } from './keyed-upstream.ts';
import { reasonOf, request, withUpstream } from './openai-daemon.ts';
import { ask, generate } from './test-daemon.ts';

const CHAT = '/chat/completions';

describe('SetKey', () => {
  it('stores a key that is used at once, over a restart, and no more once it is removed (parity: stored keys were not loaded at start, removed ones stayed usable)', async () => {
    const { daemon, upstream } = await withUpstream();
    expect(await reasonOf(daemon)).toBe('KEY_MISSING');
    const { provider, verdict } = await daemon.setKey({ provider: 'openai', key: KEY });
    expect(verdict).toBe(Verdict.VALID);
    expect(provider?.keys).toMatchObject([{ label: '', state: KeyState.CONFIGURED, source: KeySource.ENCRYPTED_FILE, hint: 'GOOD', envName: '' }]);
    expect(provider?.keys[0]?.lastChecked).toBeInstanceOf(Date);
    expect((await generate(daemon, request)).text).toBe('hello');

    const again = await daemon.restart();
    expect((await generate(again, request)).text).toBe('hello');
    expect((await again.removeKey('openai'))?.keys).toMatchObject([{ state: KeyState.MISSING, source: KeySource.UNSPECIFIED, hint: '', envName: 'OPENAI_API_KEY' }]);
    expect(await reasonOf(again)).toBe('KEY_MISSING');
    expect(await reasonOf(await again.restart())).toBe('KEY_MISSING');
    expect(upstream.keysAt(CHAT)).toEqual([KEY, KEY]);
  });

  it('does not store a key that the provider refuses, and keeps the one before', async () => {
    const { daemon, upstream } = await withUpstream();
    upstream.statuses.set(OTHER_KEY, 401);
    const failure = await failureOf(daemon.setKey({ provider: 'openai', key: OTHER_KEY }));
    expect(failure).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'KEY_REJECTED', metadata: { provider: 'openai' } });
    expect(await reasonOf(daemon)).toBe('KEY_MISSING');
    await daemon.setKey({ provider: 'openai', key: KEY });
    await failureOf(daemon.setKey({ provider: 'openai', key: OTHER_KEY }));
    expect((await generate(daemon, request)).text).toBe('hello');
    expect(upstream.keysAt(CHAT)).toEqual([KEY]);
  });

  it.each([
    ['fails', 500],
    ['says that it is too much', 429],
  ])('stores a key when the provider %s, and tells that it was not found to be good', async (_what, code) => {
    const { daemon, upstream } = await withUpstream();
    upstream.statuses.set(KEY, code);
    const response = await daemon.setKey({ provider: 'openai', key: KEY });
    expect(response).toMatchObject({ verdict: Verdict.UNKNOWN, provider: { keys: [{ state: KeyState.CONFIGURED, lastChecked: undefined }] } });
    expect(response.message).not.toBe('');
    upstream.statuses.set(KEY, 200);
    expect((await generate(daemon, request)).text).toBe('hello');
  });

  it('asks nobody when it shall not, and takes a key of another form then', async () => {
    const { daemon, upstream } = await withUpstream();
    expect(await daemon.setKey({ provider: 'openai', key: 'of-a-proxy', skipValidation: true })).toMatchObject({ verdict: Verdict.UNSPECIFIED, provider: { keys: [{ state: KeyState.CONFIGURED, hint: '' }] } });
    expect(upstream.requests).toEqual([]);
  });

  it.each([
    ['has not the form of the provider’s keys', { key: 'pk-not-one-of-theirs' }, ['key']],
    ['ends in a line break', { key: `${KEY}\n` }, ['key']],
    ['holds a carriage return', { key: `sk-a\rb` }, ['key']],
    ['holds NUL', { key: 'sk-a\0b' }, ['key']],
    ['holds a blank', { key: 'sk-a b' }, ['key']],
    ['holds what no header can carry', { key: 'sk-🔑' }, ['key']],
    ['is longer than 16,384 bytes', { key: `sk-${'a'.repeat(16_382)}` }, ['key']],
    ['is empty, without settings', {}, ['key']],
    ['has a label with a path', { key: KEY, label: '../x' }, ['label']],
    ['has a label of 65 characters', { key: KEY, label: 'a'.repeat(65) }, ['label']],
    ['has a label in capitals', { key: KEY, label: 'Work' }, ['label']],
    ['has a label of a name of the language', { key: KEY, label: '__proto__' }, ['label']],
    ['comes with an address', { key: KEY, settings: { base_url: 'http://127.0.0.1:1' } }, ['settings["base_url"]']],
    ['comes with an unknown setting', { key: KEY, settings: { organisation: 'x' } }, ['settings["organisation"]']],
    ['comes with 50,000 settings', { key: KEY, settings: Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`s${at}`, 'x'])) }, ['settings']],
    ['comes with a setting whose name has 65 bytes', { key: KEY, settings: { ['é'.repeat(33)]: 'x' } }, ['settings']],
    ['comes with a setting of 4,097 bytes', { key: KEY, settings: { organization: 'x'.repeat(4097) } }, ['settings["organization"]']],
    ['comes with a setting of a wrong value', { key: KEY, settings: { api: 'telepathy' } }, ['settings["api"]']],
  ])('refuses a key that %s, naming the field and not the key', async (_what, fields, wrong) => {
    const { daemon, upstream } = await withUpstream();
    const failure = await failureOf(daemon.setKey({ provider: 'openai', ...fields }));
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID', fields: wrong });
    expect(JSON.stringify([failure, daemon.log])).not.toMatch(/not-one-of-theirs|GOOD|sk-a/);
    expect(upstream.requests).toEqual([]);
    expect(await reasonOf(daemon)).toBe('KEY_MISSING');
  });

  it('stores no key of a provider that takes none', async () => {
    const daemon = await adminDaemon();
    expect(await failureOf(daemon.setKey({ provider: 'echo', key: KEY }))).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['key'] });
    expect((await daemon.getProvider('echo')).keys.filter(({ source }) => source !== KeySource.UNSPECIFIED)).toEqual([]);
  });

  it('takes 16,384 bytes', async () => {
    const { daemon, upstream } = await withUpstream();
    const key = `sk-${'a'.repeat(16_381)}`;
    await daemon.setKey({ provider: 'openai', key, skipValidation: true });
    upstream.statuses.set(key, 200);
    expect((await generate(daemon, request)).failure?.reason).not.toBe('KEY_MISSING');
  });

  it.each(['opena', '../x', '__proto__', 'CON', '', '@signing-secret', 'a'.repeat(256)])('knows no provider "%s"', async (provider) => {
    const { daemon } = await withUpstream();
    const failures = await Promise.all([daemon.setKey({ provider, key: KEY }), daemon.removeKey(provider), daemon.validateKey(provider), daemon.getProvider(provider)].map(failureOf));
    for (const failure of failures) expect(failure).toMatchObject({ code: status.NOT_FOUND, reason: 'PROVIDER_NOT_FOUND' });
  });

  it('keeps the Cloudflare account id of the same call, over a restart (parity: it was not kept), and asks with it first', async () => {
    const upstream = await keyedUpstream();
    const daemon = await adminDaemon({ config: { providers: { cloudflare: { base_url: upstream.url } } } });
    const account = '0123456789abcdef0123456789abcdef';
    expect((await generate(daemon, ask({ model: '@cf/meta/m' }))).failure?.reason).toBe('SETTING_MISSING');
    const token = 'cfut_0123456789abcdefghijklmnopqrstuvwxyzABCD';
    upstream.statuses.set(token, 200);
    const { provider, verdict } = await daemon.setKey({ provider: 'cloudflare', key: token, settings: { account_id: account } });
    expect([verdict, provider?.settings, provider?.missingSettings]).toEqual([Verdict.VALID, { account_id: account }, []]);
    expect(upstream.requests.map(({ path }) => path)).toContain(`/accounts/${account}/ai/models/search?per_page=1`);
    const again = await daemon.restart();
    expect((await generate(again, ask({ model: '@cf/meta/m' }))).text).toBe('hello');
    expect(upstream.requests.at(-1)?.path).toBe(`/accounts/${account}/ai/v1/chat/completions`);
  });

  it('stores a key whose provider lacks a setting, and says that it could not be checked', async () => {
    const upstream = await keyedUpstream();
    const daemon = await adminDaemon({ config: { providers: { cloudflare: { base_url: upstream.url } } } });
    const response = await daemon.setKey({ provider: 'cloudflare', key: 'cfut_0123456789abcdefghijklmnopqrstuvwxyzABCD' });
    expect(response).toMatchObject({ verdict: Verdict.UNKNOWN, message: expect.stringContaining('account_id'), provider: { missingSettings: ['account_id'], keys: [{ state: KeyState.CONFIGURED }] } });
    expect(upstream.requests).toEqual([]);
  });

  it('stores no key of a provider that has no address yet', async () => {
    const daemon = await adminDaemon();
    expect(await failureOf(daemon.setKey({ provider: 'azure', key: '0123456789abcdef0123456789abcdef' }))).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'SETTING_MISSING', metadata: { settings: 'base_url' } });
  });

  it('sets settings alone, and removes one that is empty', async () => {
    const { daemon, upstream } = await withUpstream();
    await daemon.setKey({ provider: 'openai', key: KEY });
    expect(await daemon.setKey({ provider: 'openai', settings: { organization: 'org-1', project: 'proj-1' } })).toMatchObject({ verdict: Verdict.UNSPECIFIED, provider: { settings: { organization: 'org-1', project: 'proj-1' } } });
    expect(await daemon.setKey({ provider: 'openai', settings: { project: '' } })).toMatchObject({ provider: { settings: { organization: 'org-1' } } });
    await generate(daemon, request);
    const sent = upstream.requests.at(-1)?.headers;
    expect([sent?.['openai-organization'], sent?.['openai-project'], sent?.authorization]).toEqual(['org-1', undefined, `Bearer ${KEY}`]);
    await daemon.setKey({ provider: 'openai', settings: { organization: '' } });
    expect(JSON.parse((await daemon.getConfig()).configJson)).toMatchObject({ providers: { openai: { base_url: upstream.url } } });
  });

  it('leaves the settings as they were when the key cannot be stored', async () => {
    const { daemon } = await withUpstream();
    const { configJson } = await daemon.getConfig();
    // A directory cannot be replaced by the store's file.
    mkdirSync(join(daemon.environment.home.stateDir, 'keys.age', 'in-the-way'), { recursive: true });
    expect((await failureOf(daemon.setKey({ provider: 'openai', key: KEY, settings: { organization: 'org-1' } }))).reason).toBe('KEY_STORE_UNAVAILABLE');
    expect((await daemon.getConfig()).configJson).toBe(configJson);
    expect((await daemon.getProvider('openai')).settings).toEqual({});
  });

  it('gives up within the caller’s time, and stores nothing then', async () => {
    const silent = await mockUpstream({ silent: true });
    const daemon = await adminDaemon({ config: { providers: { openai: { base_url: silent.url } } } });
    expect(await failureOf(daemon.setKey({ provider: 'openai', key: KEY }, 200))).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(await reasonOf(daemon)).toBe('KEY_MISSING');
    await silent.close();
  });
});
