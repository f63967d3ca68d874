import { describe, expect, test } from 'vitest';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { together } from '../../src/plugins/together.ts';
import { askProvider } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, user } from '../generate-request.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('together/text.sse');

testProvider({
  provider: together,
  upstream: {
    text: { answer: text, text: 'Grüße!', usage: { inputTokens: 12n, outputTokens: 3n, cacheReadInputTokens: 4n } },
    toolCall: { answer: providerFixture('together/tool-call.sse'), calls: [{ name: 'weather', arguments: { city: 'Köln' } }] },
    error: { answer: providerFixture('together/error.json', { status: 400 }), errorClass: ErrorClass.NOT_FOUND },
    rateLimit: { answer: providerFixture('together/rate-limit.json', { status: 429, headers: { 'retry-after': '2' } }), retryAfterMs: 2000 },
  },
});

describe('what together is asked', () => {
  test('is a chat completion that fails rather than cut the prompt', async () => {
    const { requests, body } = await askProvider(together, text, { maxOutputTokens: 64, topK: 40, reasoning: { effort: 'high' }, providerOptionsJson: { together: '{"min_p":0.1}' } });
    expect([requests[0]?.path, requests[0]?.headers.authorization]).toEqual(['/chat/completions', 'Bearer sk-test']);
    expect(body).toMatchInlineSnapshot(`
      {
        "context_length_exceeded_behavior": "error",
        "max_tokens": 64,
        "messages": [
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "min_p": 0.1,
        "model": "test-model",
        "reasoning_effort": "high",
        "stream": true,
        "top_k": 40,
      }
    `);
  });

  test.each([{ effort: 'none' }, { effort: '', maxReasoningTokens: 0 }])('has thinking switched off by %j', async (reasoning) => {
    const { body } = await askProvider(together, text, { reasoning });
    expect(body).toMatchObject({ reasoning: { enabled: false } });
  });

  test('has no thoughts of another provider, nor the turn that was nothing else', async () => {
    const thought = part({ $case: 'reasoning', value: { text: 'secret', signature: 'sig', redactedData: Buffer.from('x'), providerType: 'anthropic' } }, { anthropic: '{"a":1}' });
    const { body } = await askProvider(together, text, { messages: [user('1'), assistant(thought), user('2'), assistant(thought, 'two'), user('3')] });
    expect(body).toMatchObject({
      messages: [
        { role: 'user', content: '1' },
        { role: 'user', content: '2' },
        { role: 'assistant', content: 'two' },
        { role: 'user', content: '3' },
      ],
    });
  });

  test('cannot be a limit of thoughts in tokens', async () => {
    const { requests, answer } = await askProvider(together, text, { reasoning: { effort: '', maxReasoningTokens: 10 } });
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer).code).toBe('reasoning.max_reasoning_tokens');
  });
});

test('the models of together are its chat models, from a bare list', async () => {
  const list = [
    { id: 'meta-llama/Llama-3.3-70B-Instruct-Turbo', type: 'chat', display_name: 'Llama 3.3 70B', context_length: 131_072 },
    { id: 'black-forest-labs/FLUX.1-schnell', type: 'image', context_length: 0 },
  ];
  await using mock = await mockUpstream({ body: JSON.stringify(list) });
  const models = await together.listModels({ instance: { name: 'together', baseUrl: mock.url, settings: {} }, key: 'k' }, { signal: AbortSignal.timeout(15_000) });
  expect(models).toEqual([
    { model: 'meta-llama/Llama-3.3-70B-Instruct-Turbo', displayName: 'Llama 3.3 70B', contextWindow: 131_072n, maxOutputTokens: undefined, inputModalities: [], capabilities: [], refuses: [] },
  ]);
});
