import { describe, expect, test } from 'vitest';
import { groq } from '../../src/plugins/groq.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider, chunk, sse } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, system, tool, user } from '../generate-request.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('groq/text.sse');

testProvider({
  provider: groq,
  upstream: {
    text: { answer: text, text: 'Grüße!', usage: { inputTokens: 70n, outputTokens: 9n, reasoningOutputTokens: 4n } },
    withoutUsage: { answer: providerFixture('groq/without-usage.sse') },
    toolCall: { answer: providerFixture('groq/tool-call.sse'), calls: [{ name: 'weather', arguments: { city: 'Köln' } }] },
    error: { answer: providerFixture('groq/error.json', { status: 413 }), errorClass: ErrorClass.TOO_LARGE },
    rateLimit: { answer: providerFixture('groq/rate-limit.json', { status: 429 }), retryAfterMs: 179_560 },
    streamError: { answer: providerFixture('groq/stream-error.sse'), errorClass: ErrorClass.INVALID_REQUEST },
  },
  statuses: { 424: ErrorClass.SERVER, 498: ErrorClass.OVERLOADED, 499: ErrorClass.INVALID_REQUEST },
});

describe('what groq is asked', () => {
  test('is a chat completion with its own field for the most tokens', async () => {
    const { requests, body } = await askProvider(groq, text, {
      model: 'openai/gpt-oss-120b',
      messages: [system('Be brief.'), system('In German.'), user('Hello', part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/a.png' }, mediaType: '' } }))],
      maxOutputTokens: 64,
      temperature: 0.5,
      topP: 0.9,
      seed: 7n,
      stopSequences: ['END'],
      reasoning: { effort: 'low' },
      providerOptionsJson: { groq: '{"service_tier":"flex"}' },
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
                  "url": "https://example.com/a.png",
                },
                "type": "image_url",
              },
            ],
            "role": "user",
          },
        ],
        "model": "openai/gpt-oss-120b",
        "reasoning_effort": "low",
        "seed": 7,
        "service_tier": "flex",
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

  test('has tools, their results and a schema', async () => {
    const { body } = await askProvider(groq, text, {
      messages: [
        user('Weather?'),
        assistant(
          part({ $case: 'reasoning', value: { text: 'I ask.', signature: '', redactedData: Buffer.alloc(0), providerType: 'groq' } }),
          part({ $case: 'toolCall', value: { id: 'fc_1', name: 'weather', argumentsJson: '{"city":"Köln"}' } }),
        ),
        tool(part({ $case: 'toolResult', value: { toolCallId: 'fc_1', content: 'rain', isError: false } })),
      ],
      tools: [{ name: 'weather', description: 'Tells the weather.', parametersJson: '{"type":"object"}' }],
      toolChoice: { choice: { $case: 'toolName', value: 'weather' } },
      responseFormat: { format: { $case: 'jsonSchema', value: { name: 'answer', schemaJson: '{"type":"object"}', strict: true } } },
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
                "id": "fc_1",
                "type": "function",
              },
            ],
          },
          {
            "content": "rain",
            "role": "tool",
            "tool_call_id": "fc_1",
          },
        ],
        "model": "test-model",
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
        "tool_choice": {
          "function": {
            "name": "weather",
          },
          "type": "function",
        },
        "tools": [
          {
            "function": {
              "description": "Tells the weather.",
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

  test.each(['qwen/qwen3-32b', 'qwen/qwen3.6-27b', 'qwen-qwq-32b', 'deepseek-r1-distill-llama-70b'])('keeps the thoughts of %s out of the text', async (model) => {
    expect((await askProvider(groq, text, { model })).body).toMatchObject({ reasoning_format: 'parsed' });
  });

  test.each(['llama-3.1-8b-instant', 'openai/gpt-oss-20b', 'moonshotai/kimi-k2-instruct-0905'])('says nothing of thoughts to %s, which takes no such field', async (model) => {
    expect((await askProvider(groq, text, { model })).body).not.toHaveProperty('reasoning_format');
  });

  test.each([
    ['top_k', { topK: 4 }],
    ['reasoning.max_reasoning_tokens', { reasoning: { effort: '', maxReasoningTokens: 10 } }],
  ])('cannot be %s', async (field, fields) => {
    const { requests, answer } = await askProvider(groq, text, fields);
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: field });
  });
});

describe('an answer of groq', () => {
  test('tells thoughts apart from text', async () => {
    const { answer } = await askProvider(groq, text);
    expect(answer.parts.map((piece) => [piece.kind, piece.text])).toEqual([['reasoning', 'Short.'], ['text', 'Grüße!']]);
  });

  test('counts once what stands in two places', async () => {
    const usage = { prompt_tokens: 201, completion_tokens: 58, total_tokens: 259 };
    const { answer } = await askProvider(groq, sse(chunk({ content: 'Hi' }), chunk({}, 'stop', { x_groq: { id: 'req_1', usage }, usage }), { choices: [], usage }, '[DONE]'));
    expect(answer.finish?.usage).toEqual({ inputTokens: 201n, outputTokens: 58n });
  });

  test('that fails in the middle keeps what was thought, and names its code', async () => {
    const { answer } = await askProvider(groq, providerFixture('groq/stream-error.sse'));
    expect(answer.reasoning).toBe('I call it.');
    expect(providerErrorOf(answer)).toMatchObject({ type: 'invalid_request_error', code: 'tool_use_failed', message: 'Tool call validation failed' });
  });

  test.each([
    [500, 'internal_server_error', ErrorClass.SERVER],
    [503, 'service_unavailable', ErrorClass.OVERLOADED],
    [429, 'tokens', ErrorClass.RATE_LIMIT],
    [413, 'tokens', ErrorClass.TOO_LARGE],
  ])('that fails in the middle has the class of the status %i that it names', async (status, type, errorClass) => {
    const event = JSON.stringify({ error: { message: 'It failed.', type, status_code: status } });
    const { answer } = await askProvider(groq, { body: `data: ${JSON.stringify(chunk({ content: 'Hi' }))}\n\nevent: error\ndata: ${event}\n\n` });
    expect(providerErrorOf(answer).errorClass).toBe(errorClass);
  });
});

test('the models of groq are those that are active, with their limits', async () => {
  const list = [
    { id: 'openai/gpt-oss-120b', object: 'model', active: true, context_window: 131_072, max_completion_tokens: 65_536 },
    { id: 'gone', object: 'model', active: false, context_window: 8192, max_completion_tokens: 8192 },
  ];
  await using mock = await mockUpstream({ body: JSON.stringify({ object: 'list', data: list }) });
  const models = await groq.listModels({ instance: { name: 'groq', baseUrl: mock.url, settings: {} }, key: 'gsk_1' }, { signal: AbortSignal.timeout(15_000) });
  expect(models).toEqual([{ model: 'openai/gpt-oss-120b', displayName: '', contextWindow: 131_072n, maxOutputTokens: 65_536n, inputModalities: [], capabilities: [], refuses: [] }]);
});

test('groq claims no model, reads its key from the environment, and bills what was cancelled', () => {
  expect(groq.manifest).toMatchObject({ claims: [], key: { envNames: ['GROQ_API_KEY'] }, cancelStopsBilling: false });
});
