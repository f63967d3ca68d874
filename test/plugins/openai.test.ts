import { describe, expect, test } from 'vitest';
import { openai } from '../../src/plugins/openai.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
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

describe('the models of openai', () => {
  test('are listed with the key', async () => {
    await using mock = await mockUpstream({ body: '{"object":"list","data":[{"id":"gpt-4.1-mini","object":"model"},{"id":"o3"},{"nothing":1}]}' });
    const models = await openai.listModels({ instance: { name: 'openai', baseUrl: mock.url, settings: {} }, key: 'sk-test' }, { signal: AbortSignal.timeout(15_000) });
    expect(models.map((model) => model.model)).toEqual(['gpt-4.1-mini', 'o3']);
    expect(models[0]?.contextWindow).toBeUndefined();
    expect([mock.requests[0]?.path, mock.requests[0]?.headers.authorization]).toEqual(['/models', 'Bearer sk-test']);
  });

  test.each(['gpt-4o-mini', 'o1', 'o3', 'o4-mini', 'chatgpt-4o-latest', 'ft:gpt-4.1:acme::1', 'text-embedding-3-small'])('are claimed: %s', (model) => {
    expect(openai.manifest.claims.some((claim) => new RegExp(claim).test(model))).toBe(true);
  });
});
