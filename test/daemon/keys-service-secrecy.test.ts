import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { KeySource, KeyState } from '../../src/gen/tollgate/v1/keys_service.ts';
import { failureOf, filesWith } from './admin-daemon.ts';
import { KEY, keyedUpstream, OTHER_KEY } from './keyed-upstream.ts';
import { reasonOf, request, withUpstream } from './openai-daemon.ts';
import { generate } from './test-daemon.ts';

const CHAT = '/chat/completions';

describe('a key', () => {
  it('stands in no reply, log line or file (parity: silent plaintext fallback)', async () => {
    const { daemon, upstream } = await withUpstream();
    const replies: unknown[] = [];
    replies.push(await daemon.setKey({ provider: 'openai', key: KEY }), await daemon.setKey({ provider: 'openai', label: 'work', key: OTHER_KEY }));
    replies.push(await daemon.listProviders(), await daemon.validateKey('openai'), await daemon.getConfig(), await generate(daemon, request));
    upstream.statuses.set(KEY, 401).set(OTHER_KEY, 403);
    replies.push(await generate(daemon, request), await daemon.validateKey('openai', { label: 'work' }), await daemon.lock(), await daemon.unlock());
    replies.push(await daemon.removeKey('openai', 'work'));
    const said = JSON.stringify([replies, daemon.log], (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    expect(said).not.toContain(KEY.slice(8, 30));
    expect(said).not.toContain(OTHER_KEY.slice(8, 30));
    expect(filesWith(daemon.home, KEY)).toEqual([]);
    expect(filesWith(daemon.home, OTHER_KEY)).toEqual([]);
  });

  it('of the environment is used, shown and never written down (parity: it was written in plaintext)', async () => {
    const { daemon, upstream } = await withUpstream({ variables: { OPENAI_API_KEY: KEY } });
    expect((await generate(daemon, request)).text).toBe('hello');
    expect((await daemon.getProvider('openai')).keys).toMatchObject([{ label: '', source: KeySource.ENVIRONMENT, envName: 'OPENAI_API_KEY', state: KeyState.CONFIGURED, hint: 'GOOD' }]);
    await daemon.setKey({ provider: 'openai', label: 'work', key: OTHER_KEY });
    await daemon.setKey({ provider: 'openai', settings: { organization: 'org-1' } });
    await daemon.validateKey('openai');
    expect(filesWith(daemon.home, KEY)).toEqual([]);
    expect(await failureOf(daemon.removeKey('openai'))).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'KEY_MISSING', metadata: { key_env: 'OPENAI_API_KEY' }, message: expect.stringContaining('OPENAI_API_KEY') });
    expect((await generate(daemon, request)).text).toBe('hello');
    expect(upstream.keysAt(CHAT)).toEqual([KEY, KEY]);
  });

  it('is not sent to another origin than the one it was stored for, until it is set anew', async () => {
    const { daemon, upstream } = await withUpstream();
    const elsewhere = await keyedUpstream();
    await daemon.setKey({ provider: 'openai', key: KEY });
    await daemon.updateConfig({ providers: { openai: { base_url: elsewhere.url } } }, 'providers.openai.base_url');
    const { failure } = await generate(daemon, request);
    expect(failure).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'KEY_MISSING', message: expect.stringContaining(upstream.url) });
    expect((await daemon.getProvider('openai')).keys).toMatchObject([{ state: KeyState.MISSING, source: KeySource.ENCRYPTED_FILE }]);
    expect((await failureOf(daemon.validateKey('openai'))).reason).toBe('KEY_MISSING');
    expect((await daemon.listModels('openai')).unlistedProviders).toMatchObject([{ reason: 'KEY_MISSING' }]);
    expect(elsewhere.requests).toEqual([]);

    await daemon.setKey({ provider: 'openai', key: OTHER_KEY });
    expect((await generate(daemon, request)).text).toBe('hello');
    expect(new Set(elsewhere.keysAt('/'))).toEqual(new Set([OTHER_KEY]));
    expect(upstream.keysAt(CHAT)).toEqual([]);
  });

  it('goes on to be sent to another path of the same origin', async () => {
    const { daemon, upstream } = await withUpstream();
    await daemon.setKey({ provider: 'openai', key: KEY });
    await daemon.updateConfig({ providers: { openai: { base_url: `${upstream.url}/v2` } } }, 'providers.openai.base_url');
    expect((await generate(daemon, request)).text).toBe('hello');
  });

  it('outlives the damage of the store: nothing is written over it (parity: a corrupt file wiped all keys at the next write)', async () => {
    const { daemon } = await withUpstream();
    await daemon.setKey({ provider: 'openai', key: KEY });
    const file = join(daemon.environment.home.stateDir, 'keys.age');
    const whole = readFileSync(file);
    const damaged = Buffer.from(whole);
    damaged[damaged.length - 5] = (damaged.at(-5) ?? 0) ^ 1;
    writeFileSync(file, damaged);
    const again = await daemon.restart();
    expect((await failureOf(again.setKey({ provider: 'openai', label: 'work', key: OTHER_KEY }))).reason).toBe('KEY_STORE_UNAVAILABLE');
    expect(await reasonOf(again)).toBe('KEY_STORE_UNAVAILABLE');
    expect(readFileSync(file)).toEqual(damaged);
    writeFileSync(file, whole, { mode: 0o600 });
    expect((await generate(await again.restart(), request)).text).toBe('hello');
  });
});
