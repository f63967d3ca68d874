import { describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { ToolChoice_Mode as Mode } from '../../src/gen/tollgate/v1/content.ts';
import { deepseek } from '../../src/plugins/deepseek.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, tool, user } from '../generate-request.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('deepseek/text.sse');
const signal = (): AbortSignal => AbortSignal.timeout(15_000);

testProvider({
  provider: deepseek,
  upstream: {
    text: { answer: text, text: 'Grüße!', usage: { inputTokens: 20n, outputTokens: 11n, cacheReadInputTokens: 16n, reasoningOutputTokens: 5n } },
    toolCall: { answer: providerFixture('deepseek/tool-call.sse'), calls: [{ name: 'weather', arguments: { city: 'Köln' } }] },
    error: { answer: providerFixture('deepseek/error.json', { status: 402 }), errorClass: ErrorClass.BILLING },
    rateLimit: { answer: providerFixture('deepseek/rate-limit.json', { status: 429 }) },
    streamError: { answer: providerFixture('deepseek/stream-error.sse'), errorClass: ErrorClass.OVERLOADED },
  },
});

const thought = (said: string, providerType = 'deepseek') => part({ $case: 'reasoning', value: { text: said, signature: '', redactedData: Buffer.alloc(0), providerType } });
const call = part({ $case: 'toolCall', value: { id: 'call_00_1', name: 'weather', argumentsJson: '{}' } });
const result = part({ $case: 'toolResult', value: { toolCallId: 'call_00_1', content: 'rain', isError: false } });
const weather = { name: 'weather', description: 'Tells the weather.', parametersJson: '{"type":"object"}' };
const required = { choice: { $case: 'mode', value: Mode.REQUIRED } } as const;
const model = 'deepseek-v4-pro';

describe('what deepseek is asked', () => {
  test('is a chat completion, with sampling options where it does not think', async () => {
    const { requests, body, answer } = await askProvider(deepseek, text, {
      model: 'deepseek-chat',
      maxOutputTokens: 64,
      temperature: 0.5,
      topP: 0.9,
      seed: 7n,
      stopSequences: ['END'],
      tools: [weather],
      responseFormat: { format: { $case: 'json', value: {} } },
    });
    expect([requests[0]?.path, requests[0]?.headers.authorization]).toEqual(['/chat/completions', 'Bearer sk-test']);
    expect(answer.ignoredFields).toEqual(['seed']);
    expect(body).toMatchInlineSnapshot(`
      {
        "max_tokens": 64,
        "messages": [
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "model": "deepseek-chat",
        "response_format": {
          "type": "json_object",
        },
        "stop": [
          "END",
        ],
        "stream": true,
        "stream_options": {
          "include_usage": true,
        },
        "temperature": 0.5,
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
        "top_p": 0.9,
      }
    `);
  });

  test('says what it passes over while it thinks', async () => {
    const { body, answer } = await askProvider(deepseek, text, { model, temperature: 0.5, topP: 0.9 });
    expect(answer.ignoredFields).toEqual(['temperature', 'top_p']);
    expect(Object.keys(body as object)).toEqual(['model', 'messages', 'stream', 'stream_options']);
  });

  test.each([
    [{ effort: 'high' }, { thinking: { type: 'enabled' }, reasoning_effort: 'high' }],
    [{ effort: 'none' }, { thinking: { type: 'disabled' } }],
    [{ effort: '', maxReasoningTokens: 0 }, { thinking: { type: 'disabled' } }],
    [{ effort: '' }, {}],
  ])('thinks as %j says', async (reasoning, sent) => {
    const { body } = await askProvider(deepseek, text, { model, reasoning });
    const { thinking, reasoning_effort } = body as Record<string, unknown>;
    expect({ ...(thinking === undefined ? {} : { thinking }), ...(reasoning_effort === undefined ? {} : { reasoning_effort }) }).toEqual(sent);
  });

  test('gets the thoughts of turns that called tools back, of the whole turn, and no others', async () => {
    const { body } = await askProvider(deepseek, text, {
      model,
      messages: [
        user('1'),
        assistant(thought('idle'), 'one'),
        user('2'),
        assistant(thought('I ask.'), thought('theirs', 'openrouter'), call),
        tool(result),
        assistant(thought('I tell.'), 'It rains.'),
        user('3'),
      ],
      tools: [weather],
    });
    expect(body).toMatchInlineSnapshot(`
      {
        "messages": [
          {
            "content": "1",
            "role": "user",
          },
          {
            "content": "one",
            "role": "assistant",
          },
          {
            "content": "2",
            "role": "user",
          },
          {
            "content": null,
            "reasoning_content": "I ask.",
            "role": "assistant",
            "tool_calls": [
              {
                "function": {
                  "arguments": "{}",
                  "name": "weather",
                },
                "id": "call_00_1",
                "type": "function",
              },
            ],
          },
          {
            "content": "rain",
            "role": "tool",
            "tool_call_id": "call_00_1",
          },
          {
            "content": "It rains.",
            "reasoning_content": "I tell.",
            "role": "assistant",
          },
          {
            "content": "3",
            "role": "user",
          },
        ],
        "model": "deepseek-v4-pro",
        "stream": true,
        "stream_options": {
          "include_usage": true,
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

  test('does not think where DeepSeek would refuse to: with a tool that it has to call, or after calls of another provider', async () => {
    const forced = await askProvider(deepseek, text, { model, tools: [weather], toolChoice: required, temperature: 0.5 });
    expect(forced.body).toMatchObject({ thinking: { type: 'disabled' }, tool_choice: 'required', temperature: 0.5 });
    const foreign = await askProvider(deepseek, text, { model, messages: [user('1'), assistant(thought('mine'), 'a'), assistant(thought('theirs', 'anthropic'), call), tool(result)] });
    expect(foreign.body).toMatchObject({ thinking: { type: 'disabled' } });
    expect(JSON.stringify(foreign.body)).not.toMatch(/mine|theirs/);
    const asked = await askProvider(deepseek, text, { model, reasoning: { effort: 'low' }, messages: [user('1'), assistant(call), tool(result)] });
    expect(asked.body).toMatchObject({ thinking: { type: 'enabled' } });
  });

  test.each([
    ['tool_choice', { reasoning: { effort: 'high' }, tools: [weather], toolChoice: required }],
    ['response_format.json_schema', { responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson: '{"type":"object"}', strict: false } } } }],
    ['reasoning.max_reasoning_tokens', { reasoning: { effort: '', maxReasoningTokens: 10 } }],
    ['top_k', { topK: 4 }],
    ['messages[0].parts[0].image', { messages: [user(part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/a.png' }, mediaType: '' } }))] }],
  ] as const)('cannot be %s', async (field, fields) => {
    const { requests, answer } = await askProvider(deepseek, text, { model, ...(fields as object) });
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: field });
  });

  test('may be a picture where the model sees', async () => {
    const picture = part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/a.png' }, mediaType: '' } });
    const { body } = await askProvider(deepseek, text, { model: 'deepseek-flash', messages: [user(picture)] });
    expect(body).toMatchObject({ messages: [{ content: [{ type: 'image_url' }] }] });
  });
});

describe('an answer of deepseek', () => {
  test('tells thoughts apart from text', async () => {
    const { answer } = await askProvider(deepseek, text);
    expect(answer.parts.map((piece) => [piece.kind, piece.text])).toEqual([['reasoning', 'A greeting.'], ['text', 'Grüße!']]);
  });

  test('in one body may have blank lines before it, sent while the model waited', async () => {
    const body = ['\n', '\n\n', '\n{"id":"d4","model":"deepseek-v4-flash","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'];
    expect((await askProvider(deepseek, { headers: { 'content-type': 'application/json' }, body })).answer.text).toBe('Hi');
  });

  test('that the system had no room for keeps its text and its usage', async () => {
    const { answer } = await askProvider(deepseek, providerFixture('deepseek/stream-error.sse'));
    expect(answer.text).toBe('Once');
    expect(providerErrorOf(answer)).toMatchObject({ code: 'insufficient_system_resource', usage: { inputTokens: 9n, outputTokens: 1n } });
  });
});

describe('a key of deepseek', () => {
  const check = async (body: string, status = 200) => {
    await using mock = await mockUpstream({ status, body });
    const answer = await deepseek.checkKey({ instance: { name: 'deepseek', baseUrl: mock.url, settings: {} }, key: 'sk-1' }, { signal: signal() });
    return { ...answer, paths: mock.requests.map(({ path }) => path) };
  };

  test('is checked by the balance, which it tells', async () => {
    const balance = { is_available: true, balance_infos: [{ currency: 'CNY', total_balance: '110.00', granted_balance: '10.00', topped_up_balance: '100.00' }] };
    expect(await check(JSON.stringify(balance))).toEqual({
      verdict: Verdict.VALID,
      message: 'the provider took the key; 110.00 CNY are left',
      checkedWith: 'GET /user/balance',
      paths: ['/user/balance'],
    });
  });

  test('is good although there is no money', async () => {
    const { verdict, message } = await check('{"is_available":false,"balance_infos":[{"currency":"USD","total_balance":"0.00"}]}');
    expect([verdict, message]).toEqual([Verdict.VALID, 'the provider took the key, but the balance does not suffice for a call; 0.00 USD are left']);
    expect((await check('{}')).message).toBe('the provider took the key');
  });
});

test('the models of deepseek have the window that all of their generation have', async () => {
  await using mock = await mockUpstream({ body: '{"object":"list","data":[{"id":"deepseek-v4-pro","object":"model","owned_by":"deepseek"},{"id":"deepseek-next","object":"model"}]}' });
  const models = await deepseek.listModels({ instance: { name: 'deepseek', baseUrl: mock.url, settings: {} }, key: 'k' }, { signal: signal() });
  expect(models.map((each) => [each.model, each.contextWindow])).toEqual([['deepseek-v4-pro', 1_000_000n], ['deepseek-next', undefined]]);
});

test('deepseek claims no model, reads its key from the environment, and bills nothing that was cancelled', () => {
  expect(deepseek.manifest).toMatchObject({ claims: [], key: { envNames: ['DEEPSEEK_API_KEY'] }, cancelStopsBilling: true });
});
