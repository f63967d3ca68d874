import { describe, expect, test } from 'vitest';
import { openai } from '../../src/plugins/openai.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider } from '../ask-provider.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

testProvider({
  provider: openai,
  model: 'gpt-4.1-mini',
  upstream: {
    text: {
      answer: providerFixture('openai/text.sse'),
      text: 'Grüße 👋',
      usage: {
        inputTokens: 20n,
        outputTokens: 4n,
        cacheReadInputTokens: 8n,
        reasoningOutputTokens: 0n,
        audioInputTokens: 0n,
        audioOutputTokens: 0n,
      },
    },
    withoutUsage: { answer: providerFixture('openai/without-usage.sse') },
    toolCall: {
      answer: providerFixture('openai/tool-call.sse'),
      calls: [
        { name: 'weather', arguments: { city: 'Köln' } },
        { name: 'time', arguments: {} },
      ],
    },
    error: { answer: providerFixture('openai/error.json', { status: 429 }), errorClass: ErrorClass.BILLING },
    rateLimit: { answer: providerFixture('openai/rate-limit.json', { status: 429 }), retryAfterMs: 300 },
    streamError: { answer: providerFixture('openai/stream-error.sse'), errorClass: ErrorClass.SERVER },
  },
});

testProvider({
  provider: openai,
  model: 'gpt-5-mini',
  upstream: {
    text: {
      answer: providerFixture('openai/responses-text.sse'),
      text: 'Grüße 👋',
      usage: { inputTokens: 20n, outputTokens: 4n, cacheReadInputTokens: 8n, reasoningOutputTokens: 0n },
    },
    withoutUsage: { answer: providerFixture('openai/responses-without-usage.sse') },
    toolCall: {
      answer: providerFixture('openai/responses-tool-call.sse'),
      calls: [
        { name: 'weather', arguments: { city: 'Köln' } },
        { name: 'time', arguments: {} },
      ],
    },
    error: { answer: providerFixture('openai/responses-error.json', { status: 400 }), errorClass: ErrorClass.INVALID_REQUEST },
    rateLimit: { answer: providerFixture('openai/rate-limit.json', { status: 429, headers: { 'retry-after': '2' } }), retryAfterMs: 2000 },
    streamError: { answer: providerFixture('openai/responses-stream-error.sse'), errorClass: ErrorClass.SERVER },
  },
});

describe('the API that openai is asked', () => {
  const pathOf = async (model: string, settings: Readonly<Record<string, string>> = {}): Promise<string | undefined> =>
    (await askProvider(openai, providerFixture('openai/text.sse'), { model, settings })).requests[0]?.path;

  test.each(['o1', 'o3', 'o4-mini', 'gpt-5', 'gpt-5-nano-2025-08-07', 'gpt-5.1', 'gpt-5.3-codex', 'gpt-6', 'ft:gpt-5:acme::1', 'codex-mini-latest', 'computer-use-preview'])(
    'is the Responses API for %s',
    async (model) => expect(await pathOf(model)).toBe('/responses'),
  );

  test.each(['gpt-4o', 'gpt-4.1', 'gpt-3.5-turbo', 'gpt-5-chat-latest', 'gpt-5.1-chat-latest', 'gpt-5-search-api', 'chatgpt-4o-latest', 'ft:gpt-4.1:acme::1', 'gpt-4o-mini', 'some-model'])(
    'is chat completions for %s',
    async (model) => expect(await pathOf(model)).toBe('/chat/completions'),
  );

  test('is the one that the instance names', async () => {
    expect(await pathOf('gpt-5', { api: 'chat' })).toBe('/chat/completions');
    expect(await pathOf('gpt-4o', { api: 'responses' })).toBe('/responses');
  });
});

describe('the models of openai', () => {
  test('are listed with the key', async () => {
    await using mock = await mockUpstream({ body: '{"object":"list","data":[{"id":"gpt-4.1-mini","object":"model"},{"id":"o3"},{"id":"text-embedding-3-small"},{"id":"whisper-1"},{"nothing":1}]}' });
    const models = await openai.listModels({ instance: { name: 'openai', baseUrl: mock.url, settings: {} }, key: 'sk-test' }, { signal: AbortSignal.timeout(15_000) });
    expect(models.map(({ model, contextWindow, maxOutputTokens, capabilities }) => [model, contextWindow, maxOutputTokens, capabilities])).toEqual([
      ['gpt-4.1-mini', 1_047_576n, 32_768n, []],
      ['o3', 200_000n, 100_000n, ['reasoning']],
      ['text-embedding-3-small', undefined, undefined, ['embeddings']],
      ['whisper-1', undefined, undefined, []],
    ]);
    expect([mock.requests[0]?.path, mock.requests[0]?.headers.authorization]).toEqual(['/models', 'Bearer sk-test']);
  });

  test.each(['gpt-4o-mini', 'o1', 'o3', 'o4-mini', 'chatgpt-4o-latest', 'ft:gpt-4.1:acme::1', 'text-embedding-3-small'])('are claimed: %s', (model) => {
    expect(openai.manifest.claims.some((claim) => new RegExp(claim).test(model))).toBe(true);
  });
});
