import { describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { openrouter } from '../../src/plugins/openrouter.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider, chunk, sse } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, tool, user } from '../generate-request.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('openrouter/text.sse');

testProvider({
  provider: openrouter,
  upstream: {
    text: {
      answer: text,
      text: 'Grüße',
      usage: { inputTokens: 19n, outputTokens: 7n, cacheReadInputTokens: 0n, cacheCreationInputTokens: 2n, reasoningOutputTokens: 3n },
    },
    toolCall: { answer: providerFixture('openrouter/tool-call.sse'), calls: [{ name: 'weather', arguments: { city: 'Köln' } }] },
    error: { answer: providerFixture('openrouter/error.json', { status: 402 }), errorClass: ErrorClass.BILLING },
    rateLimit: { answer: providerFixture('openrouter/rate-limit.json', { status: 429 }) },
    streamError: { answer: providerFixture('openrouter/stream-error.sse'), errorClass: ErrorClass.INVALID_REQUEST },
  },
});

const thought = (value: string, providerType: string, metadata: Readonly<Record<string, string>> = {}) =>
  part({ $case: 'reasoning', value: { text: value, signature: '', redactedData: Buffer.alloc(0), providerType } }, metadata);

describe('what openrouter is asked', () => {
  test('is a chat completion, with the names of the app when they are set', async () => {
    const { requests, body } = await askProvider(openrouter, text, {
      settings: { site_url: 'https://example.com', site_name: 'Example' },
      maxOutputTokens: 64,
      topK: 40,
      reasoning: { effort: 'high' },
      providerOptionsJson: { openrouter: '{"provider":{"only":["openai"]}}' },
    });
    expect(requests[0]?.headers).toMatchObject({ 'http-referer': 'https://example.com', 'x-title': 'Example', authorization: 'Bearer sk-test' });
    expect(body).toMatchInlineSnapshot(`
      {
        "max_tokens": 64,
        "messages": [
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "model": "test-model",
        "provider": {
          "only": [
            "openai",
          ],
        },
        "reasoning": {
          "effort": "high",
        },
        "stream": true,
        "top_k": 40,
      }
    `);
    const plain = await askProvider(openrouter, text);
    expect(plain.requests[0]?.headers).not.toHaveProperty('x-title');
  });

  test.each([
    [{ effort: '', maxReasoningTokens: 2000 }, { max_tokens: 2000 }],
    [{ effort: '', maxReasoningTokens: 0 }, { effort: 'none' }],
  ])('limits thoughts by %j', async (reasoning, sent) => {
    const { body } = await askProvider(openrouter, text, { reasoning });
    expect(body).toMatchObject({ reasoning: sent });
  });

  test('cannot be an effort and a limit at once', async () => {
    const { requests, answer } = await askProvider(openrouter, text, { reasoning: { effort: 'low', maxReasoningTokens: 5 } });
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer).code).toBe('reasoning.effort');
  });

  test('gets its reasoning details back byte for byte', async () => {
    const kept = '[{"type": "reasoning.text",\n "text":"\\u0041", "signature":"a+/=="}]';
    const { requests } = await askProvider(openrouter, text, {
      messages: [user('1'), assistant(thought('A', 'openrouter', { openrouter: kept, anthropic: '{}' }), 'four'), user('2')],
    });
    expect(requests[0]?.body).toContain(`"reasoning_details":${kept}`);
  });

  test('gets the details of several parts as one list', async () => {
    const call = part({ $case: 'toolCall', value: { id: 'c', name: 'f', argumentsJson: '{}' } }, { openrouter: '[{"b":2}]' });
    const { body } = await askProvider(openrouter, text, { messages: [user('1'), assistant(thought('A', 'openrouter', { openrouter: '[{"a":1}]' }), call)] });
    expect(body).toMatchObject({ messages: [{}, { reasoning_details: [{ a: 1 }, { b: 2 }] }] });
  });

  test('gets thoughts as text when nothing else was kept, and only its own', async () => {
    const { body } = await askProvider(openrouter, text, { messages: [user('1'), assistant(thought('mine', 'openrouter'), 'a'), assistant(thought('theirs', 'anthropic'), 'b')] });
    expect(body).toMatchObject({ messages: [{}, { role: 'assistant', content: 'a', reasoning: 'mine' }, { role: 'assistant', content: 'b' }] });
    expect(JSON.stringify(body)).not.toContain('theirs');
  });

  test('refuses details that are no list', async () => {
    const { answer } = await askProvider(openrouter, text, { messages: [assistant(thought('A', 'openrouter', { openrouter: '{"a":1}' }))] });
    expect(providerErrorOf(answer).code).toBe('messages[0].parts[0].provider_metadata_json["openrouter"]');
  });
});

describe('an answer of openrouter', () => {
  test('carries the whole reasoning details on the thought, put together from their pieces', async () => {
    const { answer } = await askProvider(openrouter, providerFixture('openrouter/thinking.sse'));
    expect(answer.parts).toMatchObject([
      {
        kind: 'reasoning',
        text: 'It is four.',
        metadata: { openrouter: '[{"type":"reasoning.text","text":"It is four.","format":"anthropic-claude-v1","index":0,"signature":"Et0BCkg+/w=="}]' },
      },
      { kind: 'text', text: '4' },
    ]);
  });

  test('carries encrypted details on the tool call that they belong to, and they go back as they came', async () => {
    const { answer } = await askProvider(openrouter, providerFixture('openrouter/tool-call.sse'));
    const [call] = answer.parts;
    const kept = '[{"type":"reasoning.encrypted","data":"q83v","format":"google-gemini-v1","id":"tool_1","index":0}]';
    expect(call).toMatchObject({ kind: 'toolCall', id: 'tool_1', name: 'weather', text: '{"city":"Köln"}', metadata: { openrouter: kept } });
    const back = await askProvider(openrouter, text, {
      messages: [
        user('Weather?'),
        assistant(part({ $case: 'toolCall', value: { id: 'tool_1', name: 'weather', argumentsJson: '{"city":"Köln"}' } }, { ...call?.metadata })),
        tool(part({ $case: 'toolResult', value: { toolCallId: 'tool_1', content: 'rain', isError: false } })),
      ],
    });
    expect(back.requests[0]?.body).toContain(`"reasoning_details":${kept}`);
  });

  test('carries details on the text, or on an empty thought, when there is nothing better', async () => {
    const details = { reasoning_details: [{ type: 'reasoning.encrypted', data: 'x', id: 'a', index: 0 }, { type: 'reasoning.encrypted', data: 'y', id: 'b', index: 0 }] };
    const kept = { openrouter: JSON.stringify(details.reasoning_details) };
    const onText = await askProvider(openrouter, sse(chunk({ content: 'Hi', ...details }), chunk({}, 'stop'), '[DONE]'));
    expect(onText.answer.parts).toMatchObject([{ kind: 'text', text: 'Hi', metadata: kept }]);
    const alone = await askProvider(openrouter, sse(chunk(details), chunk({}, 'stop'), '[DONE]'));
    expect(alone.answer.parts).toMatchObject([{ kind: 'reasoning', text: '', metadata: kept }]);
  });

  test('states its cost exactly', async () => {
    const { answer } = await askProvider(openrouter, text);
    expect(answer.finish?.reportedCostPicoUsd).toBe(12_550_000n);
    expect(answer.finish?.providerRequestId).toBe('gen-1');
  });

  test('carries the usage of the chunk in which it fails', async () => {
    const { answer } = await askProvider(openrouter, providerFixture('openrouter/stream-error.sse'));
    expect(answer.text).toBe('Once');
    expect(providerErrorOf(answer).usage).toMatchObject({ inputTokens: 43n, outputTokens: 10n });
  });

  test.each([
    ['Your input was flagged for "violence".', ErrorClass.CONTENT_FILTER],
    ['Key limit exceeded (daily limit).', ErrorClass.QUOTA],
    ['You do not have access to this organization.', ErrorClass.PERMISSION],
  ])('with HTTP 403 is told by its words: %s', async (message, errorClass) => {
    const { answer } = await askProvider(openrouter, { status: 403, body: JSON.stringify({ error: { code: 403, message } }) });
    expect(providerErrorOf(answer)).toMatchObject({ errorClass, httpStatus: 403 });
  });
});

test('openrouter checks a key by what the key may spend, as its list of models is public', async () => {
  await using mock = await mockUpstream({ body: '{"data":{"label":"sk-or-v1-abc...xyz","limit":10,"limit_remaining":7.5,"usage":2.5}}' });
  const answer = await openrouter.checkKey({ instance: { name: 'openrouter', baseUrl: mock.url, settings: {} }, key: 'sk-or-v1-0' }, { signal: AbortSignal.timeout(15_000) });
  expect(answer).toEqual({ verdict: Verdict.VALID, message: 'the provider took the key; 7.5 USD of its limit are left', checkedWith: 'GET /key' });
  expect(mock.requests.map((request) => request.path)).toEqual(['/key']);
});

test('the models of openrouter come with limits and capabilities', async () => {
  const entry = {
    id: 'example/model',
    name: 'Example: Model',
    context_length: 200_000,
    architecture: { input_modalities: ['text', 'image'] },
    top_provider: { max_completion_tokens: 64_000 },
    supported_parameters: ['tools', 'structured_outputs', 'reasoning', 'seed'],
  };
  await using mock = await mockUpstream({ body: JSON.stringify({ data: [entry] }) });
  const models = await openrouter.listModels({ instance: { name: 'openrouter', baseUrl: mock.url, settings: {} }, key: 'k' }, { signal: AbortSignal.timeout(15_000) });
  expect(models).toEqual([
    { model: 'example/model', displayName: 'Example: Model', contextWindow: 200_000n, maxOutputTokens: 64_000n, inputModalities: ['text', 'image'], capabilities: ['tools', 'json_schema', 'reasoning'], refuses: [] },
  ]);
});
