import { describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { xai } from '../../src/plugins/xai.ts';
import { askProvider, chunk, sse } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, system, tool, user } from '../generate-request.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('xai/text.sse');
const signal = (): AbortSignal => AbortSignal.timeout(15_000);

testProvider({
  provider: xai,
  upstream: {
    text: { answer: text, text: 'Grüße!', usage: { inputTokens: 15n, outputTokens: 43n, cacheReadInputTokens: 12n, reasoningOutputTokens: 40n } },
    withoutUsage: { answer: providerFixture('xai/without-usage.sse') },
    toolCall: {
      answer: providerFixture('xai/tool-call.sse'),
      calls: [
        { name: 'weather', arguments: { city: 'Köln' } },
        { name: 'time', arguments: {} },
      ],
    },
    error: { answer: providerFixture('xai/error.json', { status: 400 }), errorClass: ErrorClass.AUTH },
    rateLimit: { answer: providerFixture('xai/rate-limit.json', { status: 429 }) },
  },
});

describe('what xai is asked', () => {
  test('is a chat completion with usage', async () => {
    const { requests, body } = await askProvider(xai, text, {
      model: 'grok-4-1-fast-non-reasoning',
      messages: [system('Be brief.'), system('In German.'), user('Hello', part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('png') }, mediaType: 'image/png' } }))],
      maxOutputTokens: 64,
      temperature: 0.5,
      topP: 0.9,
      seed: 7n,
      stopSequences: ['END'],
      providerOptionsJson: { xai: '{"search_parameters":{"mode":"off"}}' },
    });
    expect([requests[0]?.path, requests[0]?.headers.authorization]).toEqual(['/chat/completions', 'Bearer sk-test']);
    expect(body).toMatchInlineSnapshot(`
      {
        "max_completion_tokens": 64,
        "messages": [
          {
            "content": "Be brief.",
            "role": "system",
          },
          {
            "content": "In German.",
            "role": "system",
          },
          {
            "content": [
              {
                "text": "Hello",
                "type": "text",
              },
              {
                "image_url": {
                  "url": "data:image/png;base64,cG5n",
                },
                "type": "image_url",
              },
            ],
            "role": "user",
          },
        ],
        "model": "grok-4-1-fast-non-reasoning",
        "search_parameters": {
          "mode": "off",
        },
        "seed": 7,
        "stop": [
          "END",
        ],
        "stream": true,
        "stream_options": {
          "include_usage": true,
        },
        "temperature": 0.5,
        "top_p": 0.9,
      }
    `);
  });

  test('has tools, their results, a schema and how much to think', async () => {
    const { body } = await askProvider(xai, text, {
      model: 'grok-4.3',
      messages: [
        user('Weather?'),
        assistant(
          part({ $case: 'reasoning', value: { text: 'I ask.', signature: '', redactedData: Buffer.alloc(0), providerType: 'xai' } }),
          part({ $case: 'toolCall', value: { id: 'call_1', name: 'weather', argumentsJson: '{"city":"Köln"}' } }),
        ),
        tool(part({ $case: 'toolResult', value: { toolCallId: 'call_1', content: 'rain', isError: false } })),
      ],
      tools: [{ name: 'weather', description: '', parametersJson: '{"type":"object"}' }],
      responseFormat: { format: { $case: 'jsonSchema', value: { name: 'answer', schemaJson: '{"type":"object"}', strict: true } } },
      reasoning: { effort: 'low' },
    });
    expect(body).toMatchInlineSnapshot(`
      {
        "messages": [
          {
            "content": "Weather?",
            "role": "user",
          },
          {
            "content": null,
            "role": "assistant",
            "tool_calls": [
              {
                "function": {
                  "arguments": "{"city":"Köln"}",
                  "name": "weather",
                },
                "id": "call_1",
                "type": "function",
              },
            ],
          },
          {
            "content": "rain",
            "role": "tool",
            "tool_call_id": "call_1",
          },
        ],
        "model": "grok-4.3",
        "reasoning_effort": "low",
        "response_format": {
          "json_schema": {
            "name": "answer",
            "schema": {
              "type": "object",
            },
            "strict": true,
          },
          "type": "json_schema",
        },
        "stream": true,
        "stream_options": {
          "include_usage": true,
        },
        "tools": [
          {
            "function": {
              "name": "weather",
              "parameters": {
                "type": "object",
              },
            },
            "type": "function",
          },
        ],
      }
    `);
  });

  test.each([
    ['stop_sequences', { model: 'grok-4.3', stopSequences: ['END'] }],
    ['stop_sequences', { model: 'grok-3-mini', stopSequences: ['END'] }],
    ['stop_sequences', { model: 'grok-code-fast-1', stopSequences: ['END'] }],
    ['top_k', { topK: 4 }],
    ['reasoning.max_reasoning_tokens', { reasoning: { effort: '', maxReasoningTokens: 10 } }],
  ])('cannot be %s: %j', async (field, fields) => {
    const { requests, answer } = await askProvider(xai, text, fields);
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: field });
  });
});

describe('an answer of xai', () => {
  test('tells thoughts apart from text', async () => {
    const { answer } = await askProvider(xai, text);
    expect(answer.parts.map((piece) => [piece.kind, piece.text])).toEqual([['reasoning', 'A greeting.'], ['text', 'Grüße!']]);
  });

  test('states its cost exactly: ten thousand million ticks are a dollar', async () => {
    const { answer } = await askProvider(xai, text);
    expect(answer.finish?.reportedCostPicoUsd).toBe(165_450_300n);
    const dollar = await askProvider(xai, sse(chunk({ content: 'Hi' }, 'stop'), { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, cost_in_usd_ticks: 10_000_000_000 } }, '[DONE]'));
    expect(dollar.answer.finish?.reportedCostPicoUsd).toBe(1_000_000_000_000n);
    const free = await askProvider(xai, sse(chunk({ content: 'Hi' }, 'stop'), { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, cost_in_usd_ticks: 0 } }, '[DONE]'));
    expect(free.answer.finish?.reportedCostPicoUsd).toBe(0n);
  });

  test.each([-1, 0.5, '1654500', null])('has no cost when its ticks are none: %j', async (ticks) => {
    const { answer } = await askProvider(xai, sse(chunk({ content: 'Hi' }, 'stop'), { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, cost_in_usd_ticks: ticks } }, '[DONE]'));
    expect(answer.finish?.reportedCostPicoUsd).toBeUndefined();
  });

  test.each([
    [{ prompt_tokens: 15, completion_tokens: 3, total_tokens: 58, completion_tokens_details: { reasoning_tokens: 40 } }, 43n],
    [{ prompt_tokens: 15, completion_tokens: 43, total_tokens: 58, completion_tokens_details: { reasoning_tokens: 40 } }, 43n],
    [{ prompt_tokens: 15, completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 40 } }, 3n],
  ])('counts reasoning into the output where the sum says that it stands beside it: %j', async (usage, output) => {
    const { answer } = await askProvider(xai, sse(chunk({ content: 'Hi' }, 'stop'), { choices: [], usage }, '[DONE]'));
    expect(answer.finish?.usage?.outputTokens).toBe(output);
  });

  test.each([
    [429, { code: 'Some resource has been exhausted', error: 'Your team t-1 has either used all available credits or reached its monthly spending limit.' }, ErrorClass.BILLING],
    [403, { code: 'permission-denied', error: 'Your team t-1 has either used all available credits or reached its monthly spending limit.' }, ErrorClass.BILLING],
    [403, { code: 'personal-team-blocked:spending-limit', error: 'You have run out of credits or need a Grok subscription.' }, ErrorClass.BILLING],
    [403, { code: 'The caller does not have permission to execute the specified operation', error: 'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO' }, ErrorClass.CONTENT_FILTER],
    [403, { code: 'permission-denied', error: 'Team is not authorized to perform this action.' }, ErrorClass.PERMISSION],
    [400, { code: 'invalid-argument', error: "This model's maximum prompt length is 131072 but the request contains 136973 tokens." }, ErrorClass.CONTEXT_LENGTH],
    [400, { code: 'invalid-argument', error: 'Model grok-4.3 does not support parameter reasoningEffort.' }, ErrorClass.INVALID_REQUEST],
    [404, { code: 'Some requested entity was not found', error: 'The model grok-0 does not exist or your team does not have access to it.' }, ErrorClass.NOT_FOUND],
    [429, { code: 'Some resource has been exhausted', error: 'Too many requests for your team.' }, ErrorClass.RATE_LIMIT],
  ])('of HTTP %i is told by its words: %j', async (status, body, errorClass) => {
    const { answer } = await askProvider(xai, { status, body: JSON.stringify(body) });
    expect(providerErrorOf(answer)).toMatchObject({ errorClass, code: body.code.slice(0, 61) === body.code ? body.code : expect.stringMatching(/…$/), message: body.error });
  });
});

describe('a key of xai', () => {
  const check = async (about: object, status = 200) => {
    await using mock = await mockUpstream({ status, body: JSON.stringify(about) });
    const answer = await xai.checkKey({ instance: { name: 'xai', baseUrl: mock.url, settings: {} }, key: 'xai-0123456789' }, { signal: signal() });
    return { verdict: answer.verdict, message: answer.message, path: mock.requests[0]?.path };
  };
  const good = { redacted_api_key: 'xai-...6789', name: 'mine', acls: ['api-key:model:*'], api_key_blocked: false, api_key_disabled: false, team_blocked: false };

  test.each([
    [good, Verdict.VALID, 'the provider took the key'],
    [{ ...good, team_blocked: true }, Verdict.VALID, 'the provider took the key, but its team is blocked'],
    [{ ...good, api_key_blocked: true }, Verdict.INVALID, 'the key is blocked'],
    [{ ...good, api_key_disabled: true }, Verdict.INVALID, 'the key is disabled'],
  ])('is asked about: %j', async (about, verdict, message) => {
    expect(await check(about)).toEqual({ verdict, message, path: '/api-key' });
  });

  test('that is wrong is refused with HTTP 400', async () => {
    expect((await check({ code: 'invalid-argument', error: 'Incorrect API key provided.' }, 400)).verdict).toBe(Verdict.INVALID);
    expect((await check({ code: 'invalid-argument', error: 'Something else is wrong.' }, 400)).verdict).toBe(Verdict.UNKNOWN);
  });
});

test('the models of xai are its language models, with what they read', async () => {
  const list = [{ id: 'grok-4.3', fingerprint: 'fp_1', input_modalities: ['text', 'image'], output_modalities: ['text'], prompt_text_token_price: 20_000, aliases: ['grok-latest'] }];
  await using mock = await mockUpstream({ body: JSON.stringify({ models: list }) });
  const models = await xai.listModels({ instance: { name: 'xai', baseUrl: mock.url, settings: {} }, key: 'k' }, { signal: signal() });
  expect(models).toEqual([{ model: 'grok-4.3', displayName: '', contextWindow: undefined, maxOutputTokens: undefined, inputModalities: ['text', 'image'], capabilities: [], refuses: [] }]);
  expect(mock.requests[0]?.path).toBe('/language-models');
});

test('xai claims no model, reads its key from the environment, and bills nothing that was cancelled', () => {
  expect(xai.manifest).toMatchObject({ claims: [], key: { envNames: ['XAI_API_KEY'] }, cancelStopsBilling: true });
});
