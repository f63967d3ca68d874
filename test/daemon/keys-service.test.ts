import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Attempt_Outcome } from '../../src/gen/tollgate/v1/content.ts';
import { KeySource, KeyState, ValidateKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/v1/keys_service.ts';
import { shipped } from '../../src/plugins/index.ts';
import { refusingUrl } from '../mock-upstream.ts';
import { adminDaemon, failureOf } from './admin-daemon.ts';
import { KEY, OTHER_KEY } from './keyed-upstream.ts';
import { request, withUpstream } from './openai-daemon.ts';
import { ask, generate } from './test-daemon.ts';

const CHAT = '/chat/completions';

describe('RemoveKey', () => {
  it('says what there is when there is none of this label', async () => {
    const { daemon } = await withUpstream();
    expect(await failureOf(daemon.removeKey('openai'))).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'KEY_MISSING' });
    await daemon.setKey({ provider: 'openai', label: 'work', key: KEY });
    expect(await failureOf(daemon.removeKey('openai', 'wrok'))).toMatchObject({ reason: 'KEY_MISSING', message: expect.stringContaining('"work"') });
  });

  it('removes the key of a provider that the config has no more', async () => {
    const { daemon, upstream } = await withUpstream();
    const mine = { type: 'openai', base_url: upstream.url };
    await daemon.updateConfig({ providers: { mine } }, 'providers.mine');
    await daemon.setKey({ provider: 'mine', key: KEY });
    await daemon.updateConfig({}, 'providers.mine');
    expect(await daemon.removeKey('mine')).toBeUndefined();
    expect((await failureOf(daemon.removeKey('mine'))).reason).toBe('PROVIDER_NOT_FOUND');
    await daemon.updateConfig({ providers: { mine } }, 'providers.mine');
    expect((await daemon.getProvider('mine')).keys).toMatchObject([{ state: KeyState.MISSING }]);
  });
});

describe('ListProviders', () => {
  it('lists every provider by name, OpenRouter too (parity: it was missing), and says where keys are kept', async () => {
    const { daemon } = await withUpstream();
    const { providers, keyStore } = await daemon.listProviders();
    expect(providers.map(({ name }) => name)).toEqual(shipped.map(({ manifest }) => manifest.type).toSorted());
    expect(providers.map(({ name }) => name)).toContain('openrouter');
    const states = Object.fromEntries(providers.map(({ name, keys }) => [name, keys.map(({ state }) => state)]));
    expect(states).toMatchObject({ openai: [KeyState.MISSING], echo: [KeyState.NOT_NEEDED], ollama: [KeyState.NOT_NEEDED] });
    expect(keyStore).toMatchObject({ source: KeySource.ENCRYPTED_FILE, locked: false });
    expect(keyStore?.description).not.toBe('');
  });

  it('describes what may be set, and what is set without the defaults', async () => {
    const { daemon } = await withUpstream({ variables: { CLOUDFLARE_ACCOUNT_ID: 'abc' } });
    const openai = await daemon.getProvider('openai');
    expect(openai.availableSettings.find(({ name }) => name === 'api')).toMatchObject({ required: false, values: ['auto', 'chat', 'responses'] });
    expect(openai.settings).toEqual({});
    expect(await daemon.getProvider('cloudflare')).toMatchObject({ settings: { account_id: 'abc' }, missingSettings: [] });
  });
});

describe('ValidateKey', () => {
  it.each([
    [200, Verdict.VALID, ''],
    [401, Verdict.INVALID, 'KEY_REJECTED'],
    [403, Verdict.UNKNOWN, 'PROVIDER_UNAVAILABLE'],
    [429, Verdict.UNKNOWN, 'PROVIDER_UNAVAILABLE'],
    [500, Verdict.UNKNOWN, 'PROVIDER_UNAVAILABLE'],
  ])('of an answer %i says %i (parity: any answer but 401 was taken as valid)', async (code, verdict, reason) => {
    const { daemon, upstream } = await withUpstream();
    upstream.statuses.set(KEY, code);
    expect(await daemon.validateKey('openai', { key: KEY })).toMatchObject({ verdict, reason, checkedWith: 'GET /models' });
    expect((await daemon.getProvider('openai')).keys).toMatchObject([{ state: KeyState.MISSING }]);
  });

  it('says that nobody can be asked', async () => {
    const daemon = await adminDaemon({ config: { providers: { openai: { base_url: await refusingUrl() } } } });
    expect(await daemon.validateKey('openai', { key: KEY })).toMatchObject({ verdict: Verdict.UNKNOWN, reason: 'PROVIDER_UNAVAILABLE' });
  });

  it('of a stored key is remembered: refused ones too can be asked about again', async () => {
    const { daemon, upstream } = await withUpstream();
    await daemon.setKey({ provider: 'openai', key: KEY, skipValidation: true });
    await daemon.setKey({ provider: 'openai', label: 'work', key: OTHER_KEY });
    upstream.statuses.set(KEY, 401);
    expect(await daemon.validateKey('openai')).toMatchObject({ verdict: Verdict.INVALID });
    expect((await daemon.getProvider('openai')).keys).toMatchObject([{ label: '', state: KeyState.REJECTED }, { label: 'work', state: KeyState.CONFIGURED }]);
    upstream.statuses.set(KEY, 200);
    expect(await daemon.validateKey('openai')).toMatchObject({ verdict: Verdict.VALID, reason: '' });
    expect((await daemon.getProvider('openai')).keys).toMatchObject([{ label: '', state: KeyState.CONFIGURED }, { label: 'work' }]);
  });

  it('needs a key where the provider needs one', async () => {
    const { daemon } = await withUpstream();
    expect((await failureOf(daemon.validateKey('openai'))).reason).toBe('KEY_MISSING');
    expect((await failureOf(daemon.validateKey('openai', { label: 'work' }))).reason).toBe('KEY_MISSING');
    expect(await failureOf(daemon.validateKey('openai', { key: '' }))).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['key'] });
    expect(await daemon.validateKey('echo')).toMatchObject({ verdict: Verdict.VALID });
  });
});

describe('Lock', () => {
  it('forgets the keys until Unlock; providers without keys go on', async () => {
    const { daemon, upstream } = await withUpstream({ variables: { ANTHROPIC_API_KEY: 'sk-ant-of-the-environment' } });
    await daemon.setKey({ provider: 'openai', key: KEY });
    expect(await daemon.lock()).toMatchObject({ locked: true });
    expect((await generate(daemon, request)).failure).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'KEYS_LOCKED' });
    expect((await generate(daemon, ask({ model: 'anthropic/claude-x' }))).failure?.reason).toBe('KEYS_LOCKED');
    expect((await generate(daemon, ask({ model: 'echo/say' }))).text).toBe('hi');
    expect((await daemon.listModels('openai')).unlistedProviders).toMatchObject([{ reason: 'KEYS_LOCKED' }]);
    expect((await failureOf(daemon.embed('openai/text-embedding-3-small'))).reason).toBe('KEYS_LOCKED');
    const failures = await Promise.all([daemon.setKey({ provider: 'openai', key: OTHER_KEY, settings: { organization: 'o' } }), daemon.removeKey('openai'), daemon.validateKey('openai')].map(failureOf));
    expect(failures.map(({ reason }) => reason)).toEqual(['KEYS_LOCKED', 'KEYS_LOCKED', 'KEYS_LOCKED']);
    const { keyStore, providers } = await daemon.listProviders();
    expect(keyStore?.locked).toBe(true);
    expect(providers.find(({ name }) => name === 'openai')).toMatchObject({ settings: {}, keys: [{ hint: 'GOOD', state: KeyState.CONFIGURED }] });

    const skipped = await generate(daemon, ask({ model: 'openai/gpt-4o', routing: { fallbackModels: ['echo/say'] } }));
    expect(skipped.text).toBe('hi');
    expect(skipped.events.at(-1)?.event).toMatchObject({ value: { attempts: [{ outcome: Attempt_Outcome.SKIPPED, reason: 'KEYS_LOCKED' }, { provider: 'echo' }] } });

    expect(await daemon.unlock()).toMatchObject({ locked: false });
    expect((await generate(daemon, request)).text).toBe('hello');
    expect(upstream.keysAt(CHAT)).toEqual([KEY]);
  });

  it('is shown by auto, which says how to go on', async () => {
    const { daemon } = await withUpstream({ config: { routing: { fallback_order: ['openai', 'anthropic'] } } });
    await daemon.setKey({ provider: 'openai', key: KEY });
    await daemon.lock();
    const { failure } = await generate(daemon, ask({ model: 'auto' }));
    expect(failure).toMatchObject({ reason: 'NO_PROVIDER_READY', message: expect.stringContaining('tollgate keys unlock'), metadata: { blocked_by: 'KEYS_LOCKED' } });
    expect(failure?.generation?.attempts[0]?.reason).toBe('KEYS_LOCKED');
  });
});
