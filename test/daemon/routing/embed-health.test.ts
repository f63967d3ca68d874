import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Attempt_Outcome } from '../../../src/gen/tollgate/v1/content.ts';
import { EmbedRequest, type EmbedResponse } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { ollama } from '../../../src/plugins/ollama.ts';
import { openaiCompatible } from '../../../src/plugins/openai-compatible.ts';
import { mockUpstream, refusingUrl, type MockAnswer, type MockScript, type MockUpstream } from '../../mock-upstream.ts';
import { adminDaemon, type AdminDaemon } from '../admin-daemon.ts';
import { hello, scriptedProvider } from '../scripted-provider.ts';
import { ask, bearer, generate, rpcFailure, type RpcFailure } from '../test-daemon.ts';
import { refusal } from './chat-upstream.ts';

const { SKIPPED, FAILED } = Attempt_Outcome;

const vectors: MockAnswer = { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ data: [{ index: 0, embedding: [1, 2] }], model: 'm', usage: { prompt_tokens: 1 } }) };
const full = refusal(503);

async function upstream(...scripts: readonly MockScript[]): Promise<MockUpstream> {
  const mock = await mockUpstream(...scripts);
  onTestFinished(() => mock.close());
  return mock;
}

type Embedded = EmbedResponse | RpcFailure;
const embed = ({ generateClient, adminToken }: AdminDaemon, model: string, deadlineMs = 60_000) =>
  new Promise<Embedded>((resolve) => {
    generateClient.embed(EmbedRequest.fromPartial({ model, inputs: ['hi'] }), bearer(adminToken), { deadline: Date.now() + deadlineMs }, (error: ServiceError | null, response) => resolve(error === null ? response : rpcFailure(error)));
  });

const keyless = (url: string) => ({ type: 'openai-compatible', base_url: `${url}/v1`, settings: { key_required: false } });
const healthOf = async (daemon: AdminDaemon, name: string) => (await daemon.getProvider(name)).health;
const answered = { embeddings: [{ index: 0, values: [1, 2] }] };

/** A daemon whose provider `a` has two keys: what is asked of it stands in the upstream's requests. */
async function twoKeys(mock: MockUpstream, routing: object = {}): Promise<AdminDaemon> {
  const daemon = await adminDaemon({ providers: [openaiCompatible], config: { providers: { a: { type: 'openai-compatible', base_url: `${mock.url}/v1` } }, routing } });
  for (const [label, key] of [['', 'first-key'], ['work', 'second-key']] as const) await daemon.setKey({ provider: 'a', label, key, skipValidation: true });
  return daemon;
}
const keysOf = ({ requests }: MockUpstream) => requests.map(({ headers }) => headers.authorization);

describe('Embed', () => {
  it('asks again after what may pass, within the attempts, and is answered', async () => {
    const mock = await upstream(full, vectors);
    const daemon = await adminDaemon({ providers: [openaiCompatible], config: { providers: { a: keyless(mock.url) } } });
    expect(await embed(daemon, 'a/m')).toMatchObject(answered);
    expect(mock.requests).toHaveLength(2);
    expect(await healthOf(daemon, 'a')).toMatchObject({ consecutiveFailures: 0, available: true });
  });

  it('asks once where retries are switched off, and counts the failure for the health', async () => {
    const mock = await upstream(full);
    const daemon = await adminDaemon({ providers: [openaiCompatible], config: { providers: { a: keyless(mock.url) }, routing: { retries: false } } });
    expect(await embed(daemon, 'a/m')).toMatchObject({ reason: 'PROVIDER_OVERLOADED', generation: { attempts: [{ outcome: FAILED, reason: 'PROVIDER_OVERLOADED' }] } });
    expect(mock.requests).toHaveLength(1);
    expect(await healthOf(daemon, 'a')).toMatchObject({ consecutiveFailures: 1, available: false, lastErrorReason: 'PROVIDER_OVERLOADED' });
  });

  it.each([
    [400, 'REQUEST_REJECTED'],
    [401, 'KEY_REJECTED'],
    [404, 'MODEL_NOT_FOUND'],
  ])('never repeats a %i, which cools nothing down', async (code, reason) => {
    const mock = await upstream(refusal(code), vectors);
    const daemon = await adminDaemon({ providers: [openaiCompatible], config: { providers: { a: keyless(mock.url) } } });
    expect(await embed(daemon, 'a/m')).toMatchObject({ reason });
    expect(mock.requests).toHaveLength(1);
    expect(await healthOf(daemon, 'a')).toMatchObject({ consecutiveFailures: 0, available: true });
  });

  it('passes over a key that cools down while another one fits, and believes the Retry-After', async () => {
    const mock = await upstream(refusal(429, { type: 'rate_limit_error' }, { 'retry-after': '30' }), vectors);
    const daemon = await twoKeys(mock);
    expect(await embed(daemon, 'a/m')).toMatchObject(answered);
    expect(await embed(daemon, 'a/m')).toMatchObject(answered);
    expect(keysOf(mock)).toEqual(['Bearer first-key', 'Bearer second-key', 'Bearer second-key']);
    await daemon.removeKey('a', 'work');
    const left = (await healthOf(daemon, 'a'))?.cooldownRemaining?.seconds;
    expect(left).toBeGreaterThan(25n);
    expect(left).toBeLessThanOrEqual(30n);
  });

  it('and Generate learn of each other: what one met cools down for both', async () => {
    const mock = await upstream(full);
    const daemon = await twoKeys(mock, { retries: false });
    expect((await generate(daemon, ask({ model: 'a/m' }))).failure?.reason).toBe('PROVIDER_OVERLOADED');
    mock.answer(vectors);
    await embed(daemon, 'a/m');
    expect(keysOf(mock)).toEqual(['Bearer first-key', 'Bearer second-key']);
  });

  it('tries the only one although it cools down, one call ahead of the others', async () => {
    const mock = await upstream(full);
    const daemon = await adminDaemon({ providers: [openaiCompatible], config: { providers: { a: keyless(mock.url) }, routing: { retries: false } } });
    await embed(daemon, 'a/m');
    const probe = Promise.withResolvers<void>();
    mock.answer(async () => {
      await probe.promise;
      return vectors;
    });
    const first = embed(daemon, 'a/m');
    while (mock.requests.length < 2) await new Promise(setImmediate);
    const others = [embed(daemon, 'a/m'), embed(daemon, 'a/m')];
    // The daemon answers this one behind them: they have come, and wait.
    await healthOf(daemon, 'a');
    expect(mock.requests).toHaveLength(2);
    probe.resolve();
    for (const call of [first, ...others]) expect(await call).toMatchObject(answered);
    expect(mock.requests).toHaveLength(4);
    expect(await healthOf(daemon, 'a')).toMatchObject({ consecutiveFailures: 0, available: true });
  });

  it('waits for no Retry-After that is longer than its time', async () => {
    const mock = await upstream(refusal(429, { type: 'rate_limit_error' }, { 'retry-after': '20' }), vectors);
    const daemon = await adminDaemon({ providers: [openaiCompatible], config: { providers: { a: keyless(mock.url) } } });
    expect(await embed(daemon, 'a/m', 10_000)).toMatchObject({ reason: 'RATE_LIMITED', retryAfterMs: 20_000 });
    expect(mock.requests).toHaveLength(1);
  });

  it('along an alias asks the first that can make vectors, and never mixes models', async () => {
    const [broken, other] = [await upstream(full), await upstream(vectors)];
    const chat = scriptedProvider('c', hello);
    const daemon = await adminDaemon({
      providers: [openaiCompatible, chat],
      config: { providers: { a: keyless(broken.url), b: keyless(other.url) }, aliases: { vectors: ['c/m', 'a/m', 'b/m'] }, routing: { retries: false } },
    });
    expect(await embed(daemon, 'vectors')).toMatchObject({
      reason: 'PROVIDER_OVERLOADED',
      generation: { attempts: [{ provider: 'c', outcome: SKIPPED, reason: 'NOT_SUPPORTED' }, { provider: 'a', outcome: FAILED, reason: 'PROVIDER_OVERLOADED' }] },
    });
    // It cools down, and is asked all the same.
    expect(await embed(daemon, 'vectors')).toMatchObject({ reason: 'PROVIDER_OVERLOADED' });
    expect([broken.requests.length, other.requests.length]).toEqual([2, 0]);
  });

  it('passes over a local provider that is not there, and says so', async () => {
    const daemon = await adminDaemon({ providers: [ollama], config: { providers: { ollama: { base_url: await refusingUrl() } } } });
    expect(await embed(daemon, 'ollama/nomic-embed-text')).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', message: expect.stringContaining('is Ollama running?'), generation: { attempts: [{ outcome: SKIPPED }] } });
    expect(await healthOf(daemon, 'ollama')).toMatchObject({ consecutiveFailures: 0 });
  });
});
