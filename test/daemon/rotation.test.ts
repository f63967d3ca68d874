import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ErrorClass, ProviderError, started } from '../../src/plugins/provider.ts';
import { Attempt_Outcome, type Attempt } from '../../src/gen/tollgate/v1/content.ts';
import { KeyState } from '../../src/gen/tollgate/v1/keys_service.ts';
import { openai } from '../../src/plugins/openai.ts';
import { adminDaemon, failureOf, type AdminDaemon } from './admin-daemon.ts';
import { KEY, keyedUpstream, OTHER_KEY, type KeyedUpstream } from './keyed-upstream.ts';
import { done, hello, say, scriptedProvider } from './scripted-provider.ts';
import { ask, generate, type Generated } from './test-daemon.ts';

const THIRD_KEY = 'sk-proj-55555555555555555555555555-THIRD';
const CHAT = '/chat/completions';
const request = ask({ model: 'openai/gpt-4o' });

/** A daemon with the keys "", "work" and "third", whose provider answers to each what `statuses` says. */
async function withKeys(keys: Readonly<Record<string, string>> = { '': KEY, work: OTHER_KEY }, config: object = {}): Promise<{ daemon: AdminDaemon; upstream: KeyedUpstream }> {
  const upstream = await keyedUpstream({ [KEY]: 200, [OTHER_KEY]: 200, [THIRD_KEY]: 200 });
  const daemon = await adminDaemon({ providers: [openai, scriptedProvider('q', hello)], config: { providers: { openai: { base_url: upstream.url } }, ...config } });
  for (const [label, key] of Object.entries(keys)) await daemon.setKey({ provider: 'openai', label, key });
  return { daemon, upstream };
}

function attemptsOf({ events, failure }: Generated): readonly Attempt[] {
  const last = events.at(-1)?.event;
  return last?.$case === 'finish' ? last.value.attempts : (failure?.generation?.attempts ?? []);
}
const steps = (generated: Generated) => attemptsOf(generated).map(({ provider, keyLabel, outcome, reason }) => [provider, keyLabel, outcome, reason]);
const { FAILED, SUCCEEDED } = Attempt_Outcome;

describe('several keys of one provider', () => {
  it.each([
    [401, 'KEY_REJECTED'],
    [402, 'PROVIDER_QUOTA_EXHAUSTED'],
    [403, 'PROVIDER_PERMISSION_DENIED'],
    [429, 'RATE_LIMITED'],
  ])('after %i the next key is tried, and each attempt is shown with its label', async (code, reason) => {
    const { daemon, upstream } = await withKeys();
    upstream.statuses.set(KEY, code);
    const generated = await generate(daemon, request);
    expect([generated.text, generated.failure]).toEqual(['hello', undefined]);
    expect(steps(generated)).toEqual([
      ['openai', '', FAILED, reason],
      ['openai', 'work', SUCCEEDED, ''],
    ]);
    expect(generated.events.map(({ event }) => event?.$case)).toEqual(['attemptStarted', 'attemptFailed', 'attemptStarted', 'textDelta', 'finish']);
    expect(upstream.keysAt(CHAT)).toEqual([KEY, OTHER_KEY]);
  });

  it('are not tried after a failure that is not the key’s', async () => {
    const { daemon, upstream } = await withKeys();
    upstream.statuses.set(KEY, 500);
    expect((await generate(daemon, request)).failure?.reason).toBe('PROVIDER_UNAVAILABLE');
    expect(new Set(upstream.keysAt(CHAT))).toEqual(new Set([KEY]));
  });

  it('fail with what the last one was told when all fail', async () => {
    const { daemon, upstream } = await withKeys(undefined, { routing: { max_attempts: 2 } });
    upstream.statuses.set(KEY, 403).set(OTHER_KEY, 429);
    const generated = await generate(daemon, request);
    expect(generated.failure).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: 'RATE_LIMITED' });
    expect(steps(generated).map(([, label]) => label)).toEqual(['', 'work']);
  });

  it('count as attempts', async () => {
    const { daemon, upstream } = await withKeys({ '': KEY, work: OTHER_KEY, third: THIRD_KEY }, { routing: { max_attempts: 2 } });
    upstream.statuses.set(KEY, 429).set(OTHER_KEY, 429);
    expect((await generate(daemon, request)).failure?.reason).toBe('RATE_LIMITED');
    expect(upstream.keysAt(CHAT)).toEqual([KEY, OTHER_KEY]);
  });

  it('are all tried before the next provider that the request allows', async () => {
    const { daemon, upstream } = await withKeys();
    upstream.statuses.set(KEY, 429).set(OTHER_KEY, 401);
    const generated = await generate(daemon, ask({ model: 'openai/gpt-4o', routing: { fallbackModels: ['q/m'] } }));
    expect(generated.text).toBe('hello');
    expect(steps(generated).map(([provider, label, outcome]) => [provider, label, outcome])).toEqual([
      ['openai', '', FAILED],
      ['openai', 'work', FAILED],
      ['q', '', SUCCEEDED],
    ]);
  });

  it('are passed over for the next provider when the provider itself fails', async () => {
    const { daemon, upstream } = await withKeys();
    upstream.statuses.set(KEY, 500);
    const generated = await generate(daemon, ask({ model: 'openai/gpt-4o', routing: { fallbackModels: ['q/m'] } }));
    expect(steps(generated).map(([provider, label]) => [provider, label])).toEqual([
      ['openai', ''],
      ['q', ''],
    ]);
  });

  it('are not tried once a part of the answer was shown', async () => {
    const half = scriptedProvider(
      'half',
      async function* () {
        yield started();
        yield say('half');
        throw new ProviderError(ErrorClass.RATE_LIMIT, 'slow down');
        // oxlint-disable-next-line no-unreachable
        yield done();
      },
      { isLocal: false, key: { required: true, format: '', envNames: [] } },
    );
    const daemon = await adminDaemon({ providers: [half] });
    for (const label of ['', 'work']) await daemon.setKey({ provider: 'half', label, key: `key-${label}` });
    const { text, failure } = await generate(daemon, ask({ model: 'half/m' }));
    expect([text, failure?.reason, half.requests.length]).toEqual(['half', 'RATE_LIMITED', 1]);
  });

  it('begin with that of the environment', async () => {
    const upstream = await keyedUpstream({ [KEY]: 429, [OTHER_KEY]: 200 });
    const daemon = await adminDaemon({ config: { providers: { openai: { base_url: upstream.url } } }, variables: { OPENAI_API_KEY: KEY } });
    await daemon.setKey({ provider: 'openai', label: 'work', key: OTHER_KEY });
    expect(steps(await generate(daemon, request)).map(([, label]) => label)).toEqual(['', 'work']);
    expect(upstream.keysAt(CHAT)).toEqual([KEY, OTHER_KEY]);
  });
});

describe('a key that the provider refused', () => {
  it('is passed over from then on, until it is set anew', async () => {
    const { daemon, upstream } = await withKeys();
    upstream.statuses.set(KEY, 401);
    await generate(daemon, request);
    expect((await daemon.getProvider('openai')).keys.map(({ label, state }) => [label, state])).toEqual([
      ['', KeyState.REJECTED],
      ['work', KeyState.CONFIGURED],
    ]);
    expect(steps(await generate(daemon, request)).map(([, label]) => label)).toEqual(['work']);
    expect(upstream.keysAt(CHAT)).toEqual([KEY, OTHER_KEY, OTHER_KEY]);

    upstream.statuses.set(THIRD_KEY, 200);
    await daemon.setKey({ provider: 'openai', key: THIRD_KEY });
    await generate(daemon, request);
    expect(upstream.keysAt(CHAT).at(-1)).toBe(THIRD_KEY);
  });

  it('is remembered as refused over a restart', async () => {
    const { daemon, upstream } = await withKeys();
    upstream.statuses.set(KEY, 401);
    await generate(daemon, request);
    const again = await daemon.restart();
    expect(steps(await generate(again, request)).map(([, label]) => label)).toEqual(['work']);
    expect(upstream.keysAt(CHAT)).toEqual([KEY, OTHER_KEY, OTHER_KEY]);
  });

  it('is tried again when it is the only one, and is good again when it is taken', async () => {
    const { daemon, upstream } = await withKeys({ '': KEY });
    upstream.statuses.set(KEY, 401);
    expect((await generate(daemon, request)).failure?.reason).toBe('KEY_REJECTED');
    expect((await generate(daemon, request)).failure?.reason).toBe('KEY_REJECTED');
    upstream.statuses.set(KEY, 200);
    expect((await generate(daemon, request)).text).toBe('hello');
    expect((await daemon.getProvider('openai')).keys).toMatchObject([{ state: KeyState.CONFIGURED }]);
    expect(upstream.keysAt(CHAT)).toEqual([KEY, KEY, KEY]);
  });
});

describe('Embed and ListModels', () => {
  it('go on to the next key too', async () => {
    const { daemon, upstream } = await withKeys();
    upstream.statuses.set(KEY, 429);
    expect((await daemon.embed('openai/text-embedding-3-small')).embeddings).toHaveLength(1);
    expect(upstream.keysAt('/embeddings')).toEqual([KEY, OTHER_KEY]);
    const asked = upstream.keysAt('/models').length;
    expect((await daemon.listModels('openai')).models.map(({ id }) => id)).toEqual(['openai/gpt-4o']);
    expect(upstream.keysAt('/models').slice(asked)).toEqual([KEY, OTHER_KEY]);
  });

  it('fail with what the last key was told', async () => {
    const { daemon, upstream } = await withKeys();
    upstream.statuses.set(KEY, 403).set(OTHER_KEY, 429);
    expect((await failureOf(daemon.embed('openai/text-embedding-3-small'))).reason).toBe('RATE_LIMITED');
    expect((await daemon.listModels('openai')).unlistedProviders).toMatchObject([{ provider: 'openai', reason: 'RATE_LIMITED' }]);
  });

  it('ask a provider for its models anew when its key is another', async () => {
    const { daemon, upstream } = await withKeys({ '': KEY });
    await daemon.listModels('openai');
    const asked = upstream.keysAt('/models').length;
    await daemon.listModels('openai');
    expect(upstream.keysAt('/models')).toHaveLength(asked);
    await daemon.setKey({ provider: 'openai', key: OTHER_KEY, skipValidation: true });
    await daemon.listModels('openai');
    expect(upstream.keysAt('/models').slice(asked)).toEqual([OTHER_KEY]);
  });
});
