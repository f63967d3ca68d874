import { describe, expect, test } from 'vitest';
import { FinishReason, ToolChoice_Mode as Mode } from '../../src/gen/tollgate/v1/content.ts';
import { mistral } from '../../src/plugins/mistral.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider, chunk, sse } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, system, tool, user } from '../generate-request.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('mistral/text.sse');
const signal = (): AbortSignal => AbortSignal.timeout(15_000);

testProvider({
  provider: mistral,
  upstream: {
    text: { answer: text, text: 'Grüße!', usage: { inputTokens: 14n, outputTokens: 12n, cacheReadInputTokens: 8n } },
    toolCall: { answer: providerFixture('mistral/tool-call.sse'), calls: [{ name: 'weather', arguments: { city: 'Köln' } }] },
    error: { answer: providerFixture('mistral/error.json', { status: 422 }), errorClass: ErrorClass.INVALID_REQUEST },
    rateLimit: { answer: providerFixture('mistral/rate-limit.json', { status: 429, headers: { 'retry-after': '1' } }), retryAfterMs: 1000 },
  },
});

const call = (id: string) => part({ $case: 'toolCall', value: { id, name: 'weather', argumentsJson: '{}' } });
const result = (id: string) => part({ $case: 'toolResult', value: { toolCallId: id, content: 'rain', isError: false } });
const thought = (said: string, providerType = 'mistral') => part({ $case: 'reasoning', value: { text: said, signature: '', redactedData: Buffer.alloc(0), providerType } });

describe('what mistral is asked', () => {
  test('has only fields that it knows', async () => {
    const { requests, body } = await askProvider(mistral, text, {
      model: 'mistral-small-latest',
      messages: [system('Be brief.'), system('In German.'), user('Hello', part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('png') }, mediaType: 'image/png' } }))],
      maxOutputTokens: 64,
      temperature: 0.5,
      topP: 0.9,
      seed: 9_007_199_254_740_993n,
      stopSequences: ['END'],
      reasoning: { effort: 'high' },
      providerOptionsJson: { mistral: '{"safe_prompt":true}' },
    });
    expect([requests[0]?.path, requests[0]?.headers.authorization]).toEqual(['/chat/completions', 'Bearer sk-test']);
    expect(requests[0]?.body).toContain('"random_seed":9007199254740993');
    expect(body).toMatchInlineSnapshot(`
      {
        "max_tokens": 64,
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
        "model": "mistral-small-latest",
        "random_seed": 9007199254740992,
        "reasoning_effort": "high",
        "safe_prompt": true,
        "stop": [
          "END",
        ],
        "stream": true,
        "temperature": 0.5,
        "top_p": 0.9,
      }
    `);
  });

  test('has tools, their results and a schema', async () => {
    const { body } = await askProvider(mistral, text, {
      messages: [user('Weather?'), assistant(call('aB3dE5gH7')), tool(result('aB3dE5gH7'))],
      tools: [{ name: 'weather', description: '', parametersJson: '{"type":"object"}' }],
      toolChoice: { choice: { $case: 'mode', value: Mode.REQUIRED } },
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
                  "arguments": "{}",
                  "name": "weather",
                },
                "id": "aB3dE5gH7",
                "type": "function",
              },
            ],
          },
          {
            "content": "rain",
            "role": "tool",
            "tool_call_id": "aB3dE5gH7",
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
        "tool_choice": "any",
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
    [Mode.AUTO, 'auto'],
    [Mode.NONE, 'none'],
    [Mode.REQUIRED, 'any'],
  ])('has its own word for the tool choice %i', async (value, word) => {
    const { body } = await askProvider(mistral, text, { tools: [{ name: 'f', description: '', parametersJson: '' }], toolChoice: { choice: { $case: 'mode', value } } });
    expect(body).toMatchObject({ tool_choice: word });
  });

  test("has the ids of other providers' calls as nine letters and digits, the same in call and result, today and tomorrow", async () => {
    const ids = ['toolu_01AbCdEfGh', 'call_1', 'call_2', 'aB3dE5gH7', 'zu-kurz', ''];
    const { body } = await askProvider(mistral, text, { messages: [user('1'), assistant(...ids.map(call)), tool(...ids.map(result))] });
    const [, turn, ...results] = (body as { messages: readonly { tool_calls?: readonly { id: string }[]; tool_call_id?: string }[] }).messages;
    const sent = turn?.tool_calls?.map(({ id }) => id) ?? [];
    expect(results.map((message) => message.tool_call_id)).toEqual(sent);
    expect(sent).toEqual(['EEAqMkG6A', '2ZxtuOiTe', 'bqABnGy05', 'aB3dE5gH7', '1JxZiHxqQ', 'p0KEcEcUe']);
    for (const id of sent) expect(id).toMatch(/^[a-zA-Z0-9]{9}$/);
  });

  test('has its own thoughts as they came, and nobody else’s', async () => {
    const { body } = await askProvider(mistral, text, { messages: [user('1'), assistant(thought('hm'), thought('!'), 'one'), user('2'), assistant(thought('secret', 'deepseek'), 'two'), user('3')] });
    expect(body).toMatchObject({
      messages: [
        {},
        { role: 'assistant', content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'hm!' }] }, { type: 'text', text: 'one' }] },
        {},
        { role: 'assistant', content: 'two' },
        {},
      ],
    });
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  test('has thoughts beside calls without an empty text', async () => {
    const { body } = await askProvider(mistral, text, { messages: [user('1'), assistant(thought('hm'), call('aB3dE5gH7')), tool(result('aB3dE5gH7'))] });
    expect(body).toMatchObject({ messages: [{}, { content: [{ type: 'thinking' }], tool_calls: [{ id: 'aB3dE5gH7' }] }, {}] });
    expect((body as { messages: readonly { content: readonly unknown[] }[] }).messages[1]?.content).toHaveLength(1);
  });

  test('has the beginning of the answer as a prefix', async () => {
    const { body } = await askProvider(mistral, text, { messages: [user('Count.'), assistant('1, 2,')] });
    expect(body).toMatchObject({ messages: [{ role: 'user' }, { role: 'assistant', content: '1, 2,', prefix: true }] });
    expect((await askProvider(mistral, text, { messages: [assistant('1'), user('2')] })).requests[0]?.body).not.toContain('prefix');
  });

  test('has a word of the assistant between a tool’s result and the next word of somebody else', async () => {
    const { body } = await askProvider(mistral, text, { messages: [user('1'), assistant(call('aB3dE5gH7')), tool(result('aB3dE5gH7')), user('Never mind.')] });
    expect(body).toMatchObject({ messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'tool' }, { role: 'assistant', content: 'OK.' }, { role: 'user', content: 'Never mind.' }] });
  });

  test.each([
    ['top_k', { topK: 4 }],
    ['reasoning.max_reasoning_tokens', { reasoning: { effort: '', maxReasoningTokens: 10 } }],
  ])('cannot be %s', async (field, fields) => {
    const { requests, answer } = await askProvider(mistral, text, fields);
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: field });
  });
});

describe('an answer of mistral', () => {
  test('tells the thoughts in its content apart from the text', async () => {
    const { answer } = await askProvider(mistral, { ...text, headers: { ...text.headers, 'mistral-correlation-id': 'corr-1' } });
    expect(answer.parts.map((piece) => [piece.kind, piece.text])).toEqual([['reasoning', 'A greeting.'], ['text', 'Grüße!']]);
    expect(answer.finish?.providerRequestId).toBe('corr-1');
  });

  test('keeps the ids that other models on its platform give', async () => {
    const { answer } = await askProvider(mistral, sse(chunk({ tool_calls: [{ index: 0, id: 'chatcmpl-tool-9f149c74', function: { name: 'f', arguments: '{}' } }] }), chunk({}, 'tool_calls'), '[DONE]'));
    expect(answer.toolCalls[0]?.id).toBe('chatcmpl-tool-9f149c74');
  });

  test('may end because the model has no more room', async () => {
    const { answer } = await askProvider(mistral, sse(chunk({ content: 'Hi' }, 'model_length'), '[DONE]'));
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.LENGTH, rawFinishReason: 'model_length' });
  });

  test('that ends in an error is no answer', async () => {
    const { answer } = await askProvider(mistral, sse(chunk({ content: 'Hi' }, 'error'), '[DONE]'));
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });

  test.each([
    [401, '{"detail":"Unauthorized"}', ErrorClass.AUTH, 'Unauthorized'],
    [422, '{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"}]}', ErrorClass.INVALID_REQUEST, 'body.messages: Field required'],
    [400, '{"object":"error","message":"Invalid model: nothing","type":"invalid_model","param":null,"code":"1500"}', ErrorClass.INVALID_REQUEST, 'Invalid model: nothing'],
    [402, '{"message":"You have no credit left"}', ErrorClass.BILLING, 'You have no credit left'],
  ])('of HTTP %i is read in each of the shapes: %s', async (status, body, errorClass, message) => {
    const { answer } = await askProvider(mistral, { status, body });
    expect(providerErrorOf(answer)).toMatchObject({ errorClass, message, httpStatus: status });
  });
});

test('the models of mistral are those that chat, and those that make vectors', async () => {
  const list = [
    { id: 'mistral-small-latest', max_context_length: 131_072, capabilities: { completion_chat: true, function_calling: true, vision: true, reasoning: true } },
    { id: 'mistral-embed', max_context_length: 8192, capabilities: { completion_chat: false } },
    { id: 'mistral-ocr-latest', max_context_length: 16_384, capabilities: { completion_chat: false, vision: true } },
  ];
  await using mock = await mockUpstream({ body: JSON.stringify({ object: 'list', data: list }) });
  const models = await mistral.listModels({ instance: { name: 'mistral', baseUrl: mock.url, settings: {} }, key: 'k' }, { signal: signal() });
  expect(models).toEqual([
    { model: 'mistral-small-latest', displayName: '', contextWindow: 131_072n, maxOutputTokens: undefined, inputModalities: ['text', 'image'], capabilities: ['tools', 'reasoning'], refuses: [] },
    { model: 'mistral-embed', displayName: '', contextWindow: 8192n, maxOutputTokens: undefined, inputModalities: [], capabilities: ['embeddings'], refuses: [] },
  ]);
});

test('mistral makes vectors, of the length that is asked in its own field', async () => {
  await using mock = await mockUpstream({ body: '{"id":"e1","model":"codestral-embed","data":[{"index":0,"embedding":[0.5,-1]}],"usage":{"prompt_tokens":3,"total_tokens":3,"completion_tokens":0}}' });
  const vectors = await mistral.embed?.({ instance: { name: 'mistral', baseUrl: mock.url, settings: {} }, key: 'k', model: 'codestral-embed', inputs: ['a'], dimensions: 2, providerOptionsJson: {} }, { signal: signal() });
  expect(vectors).toMatchObject({ vectors: [{ values: [0.5, -1] }], responseModel: 'codestral-embed', usage: { inputTokens: 3n } });
  expect([mock.requests[0]?.path, mock.requests[0]?.json()]).toEqual(['/embeddings', { model: 'codestral-embed', input: ['a'], output_dimension: 2 }]);
});

test('mistral claims no model, reads its key from the environment, and bills what was cancelled', () => {
  expect(mistral.manifest).toMatchObject({ claims: [], key: { envNames: ['MISTRAL_API_KEY'] }, cancelStopsBilling: false });
});
