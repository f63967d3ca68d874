import { describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason, ToolChoice_Mode as Mode } from '../../src/gen/tollgate/v1/content.ts';
import { cloudflare } from '../../src/plugins/cloudflare.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider, sse } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import type { RequestOptions } from '../generate-request.ts';
import { part, user } from '../generate-request.ts';
import { mockUpstream, type MockAnswer } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const account = { account_id: '0123456789abcdef0123456789abcdef' };
const model = '@cf/meta/llama-3.1-8b-instruct';
const text = providerFixture('cloudflare/text.sse');
const ask = (answer: MockAnswer, options: Partial<RequestOptions> = {}) => askProvider(cloudflare, answer, { model, ...options, settings: { ...account, ...options.settings } });

for (const api of ['openai', 'native']) {
  testProvider({
    provider: cloudflare,
    model,
    settings: { ...account, api },
    upstream: {
      text: { answer: text, text: 'Grüße', usage: { inputTokens: 47n, outputTokens: 3n } },
      withoutUsage: { answer: providerFixture('openai/without-usage.sse') },
      toolCall: { answer: providerFixture('cloudflare/tool-call.json'), calls: [{ name: 'weather', arguments: { city: 'Köln' } }] },
      error: { answer: providerFixture('cloudflare/error.json', { status: 400 }), errorClass: ErrorClass.NOT_FOUND },
      rateLimit: { answer: providerFixture('cloudflare/rate-limit.json', { status: 429 }) },
    },
  });
}

const weather = { name: 'weather', description: '', parametersJson: '{"type":"object"}' };

describe('what cloudflare is asked', () => {
  test.each(['auto', 'openai'])('is its OpenAI-shaped API with api=%s, "@cf/" kept', async (api) => {
    const { requests, body } = await ask(text, { settings: { api } });
    expect([requests[0]?.path, requests[0]?.headers.authorization]).toEqual([`/accounts/${account.account_id}/ai/v1/chat/completions`, 'Bearer sk-test']);
    expect(body).toEqual({ model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 2048, stream: true, stream_options: { include_usage: true } });
  });

  test('is its native API with api=native, "@cf/" kept', async () => {
    const schemaJson = '{"type": "object"}';
    const { requests, body } = await ask(text, {
      settings: { api: 'native' },
      maxOutputTokens: 10,
      topK: 4,
      responseFormat: { format: { $case: 'jsonSchema', value: { name: 'x', schemaJson, strict: true } } },
    });
    expect(requests[0]?.path).toBe(`/accounts/${account.account_id}/ai/run/@cf/meta/llama-3.1-8b-instruct`);
    expect(requests[0]?.body).toContain(`"json_schema":${schemaJson}`);
    expect(body).toEqual({ messages: [{ role: 'user', content: 'Hello' }], max_tokens: 10, top_k: 4, response_format: { type: 'json_schema', json_schema: { type: 'object' } }, stream: true });
  });

  test('names the one tool that is required, as a bare "required" is only advice', async () => {
    const required = { toolChoice: { choice: { $case: 'mode', value: Mode.REQUIRED } as const } };
    const one = await ask(text, { ...required, tools: [weather] });
    expect(one.body).toMatchObject({ tool_choice: { type: 'function', function: { name: 'weather' } } });
    const two = await ask(text, { ...required, tools: [weather, { ...weather, name: 'time' }] });
    expect(two.body).toMatchObject({ tool_choice: 'required' });
  });

  test('thinks as much as it is told', async () => {
    expect((await ask(text, { reasoning: { effort: 'low' } })).body).toMatchObject({ reasoning_effort: 'low' });
    expect((await ask(text, { reasoning: { effort: '', maxReasoningTokens: 0 } })).body).toMatchObject({ chat_template_kwargs: { enable_thinking: false } });
  });

  const image = part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/a.png' }, mediaType: '' } });
  test.each([
    ['model', { model: '@cf/../../../user/tokens', settings: { api: 'native' } }],
    ['model', { model: '@cf//x', settings: { api: 'native' } }],
    ['stop_sequences', { stopSequences: ['x'], settings: { api: 'native' } }],
    ['messages[0].parts[0].image', { messages: [user(image)], settings: { api: 'native' } }],
    ['instance.settings.account_id', { settings: { account_id: '' } }],
  ] as const)('cannot be what it does not know: %s', async (field, options) => {
    const { requests, answer } = await ask(text, options as Partial<RequestOptions>);
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: field });
  });

  test('stays below its account whatever the model is called', async () => {
    const { requests } = await ask(text, { model: '@cf/a?b=c#d/e f', settings: { api: 'native' } });
    expect(requests[0]?.path).toBe(`/accounts/${account.account_id}/ai/run/@cf/a%3Fb%3Dc%23d/e%20f`);
  });
});

describe('an answer of cloudflare', () => {
  const native = providerFixture('cloudflare/native-text.sse');

  test('in the native shape is read whichever API was asked', async () => {
    for (const api of ['auto', 'native']) {
      const { answer } = await ask(native, { settings: { api } });
      expect(answer.text).toBe('Grüße5');
      expect(answer.finish).toMatchObject({ finishReason: FinishReason.STOP, rawFinishReason: '', usage: { inputTokens: 16n, outputTokens: 4n } });
    }
  });

  test('without a finish reason has reached its length when it has as many tokens as were allowed', async () => {
    const { answer } = await ask(native, { maxOutputTokens: 4 });
    expect(answer.finish?.finishReason).toBe(FinishReason.LENGTH);
  });

  test('without a finish reason and without its end marker is a cut one', async () => {
    const { answer } = await ask({ ...native, body: native.body.subarray(0, native.body.indexOf('data: [DONE]')) });
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.TRUNCATED);
  });

  test('says no usage when it breaks between increments', async () => {
    const { answer } = await ask({ ...text, body: text.body.subarray(0, text.body.indexOf('data: {"response":""')), ending: 'cut' });
    expect([answer.text, answer.finish?.usage]).toEqual(['Grüße', undefined]);
  });

  test('adds up increments when no sum comes', async () => {
    const usage = (input: number, output: number) => ({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: { prompt_tokens: input, completion_tokens: output } });
    const { answer } = await ask(sse(usage(9, 0), usage(0, 2), usage(0, 3), usage(0, 0), '[DONE]'));
    expect(answer.finish?.usage).toMatchObject({ inputTokens: 9n, outputTokens: 5n });
  });

  test('is told apart from text that is JSON', async () => {
    const { answer } = await ask({ body: '{"result":{"response":{"a":[1]}},"success":true}' });
    expect(answer.text).toBe('{"a":[1]}');
  });

  test('calls tools that it streams in pieces or whole, in the native shape', async () => {
    const { answer } = await ask(
      sse(
        { response: '', tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":' } }] },
        { response: '', tool_calls: [{ index: 0, id: null, type: null, function: { name: null, arguments: '"Köln"}' } }] },
        { response: '', tool_calls: [{ id: null, type: null, function: { name: null, arguments: '' } }] },
        { tool_calls: [{ name: 'time', arguments: {} }] },
        '[DONE]',
      ),
    );
    expect(answer.error).toBeUndefined();
    expect(answer.toolCalls.map(({ name, arguments: args }) => [name, args])).toEqual([
      ['weather', '{"city":"Köln"}'],
      ['time', '{}'],
    ]);
    expect(answer.finish?.finishReason).toBe(FinishReason.TOOL_CALL);
  });

  test('names the request by its ray', async () => {
    const { answer } = await ask({ ...text, headers: { ...text.headers, 'cf-ray': '8a1-FRA' } });
    expect(answer.finish?.providerRequestId).toBe('8a1-FRA');
  });

  test.each([
    [200, { success: false, errors: [{ code: 3040, message: 'Capacity temporarily exceeded' }], result: null }, ErrorClass.OVERLOADED],
    [429, { success: false, errors: [{ code: 3036, message: 'You have used up your daily allocation' }] }, ErrorClass.QUOTA],
    [429, { name: 'AiError', internalCode: 4006, httpCode: 429, message: 'no more' }, ErrorClass.QUOTA],
    [403, { name: 'AiError', internalCode: 5035, message: 'not on the free plan' }, ErrorClass.PERMISSION],
    [401, { success: false, error: [{ code: 2009, message: 'Unauthorized' }] }, ErrorClass.AUTH],
    [400, { success: false, errors: [{ code: 7003, message: 'Could not route to /accounts/x' }] }, ErrorClass.INVALID_REQUEST],
    [400, { success: false, errors: [{ code: 5021, message: 'tokens exceeded this model context window limit' }] }, ErrorClass.CONTEXT_LENGTH],
    [400, { success: false, errors: [{ code: 2016, message: 'Prompt blocked' }] }, ErrorClass.CONTENT_FILTER],
  ])('with HTTP %i and %j has its class', async (status, body, errorClass) => {
    const { answer } = await ask({ status, body: JSON.stringify(body) });
    const error = providerErrorOf(answer);
    expect(error).toMatchObject({ errorClass, httpStatus: status });
    expect(error.code).toMatch(/^\d+$/);
  });
});

describe('the key of cloudflare', () => {
  const check = async (answers: Readonly<Record<string, MockAnswer>>) => {
    await using mock = await mockUpstream(({ path }) => answers[path] ?? { status: 404 });
    const answer = await cloudflare.checkKey({ instance: { name: 'cloudflare', baseUrl: mock.url, settings: account }, key: 'k'.repeat(40) }, { signal: AbortSignal.timeout(15_000) });
    return { ...answer, paths: mock.requests.map((request) => request.path) };
  };
  const own = `/accounts/${account.account_id}`;
  const active = { body: '{"result":{"status":"active"},"success":true}' };
  const bad = { status: 401, body: '{"success":false,"errors":[{"code":1000,"message":"Invalid API Token"}]}' };
  const search = `${own}/ai/models/search?per_page=1`;

  test('is good when it is active and may use Workers AI', async () => {
    expect(await check({ '/user/tokens/verify': active, [search]: { body: '{"result":[]}' } })).toMatchObject({ verdict: Verdict.VALID, paths: ['/user/tokens/verify', search] });
  });

  test("may be an account's", async () => {
    const answer = await check({ '/user/tokens/verify': bad, [`${own}/tokens/verify`]: active, [search]: { body: '{"result":[]}' } });
    expect(answer).toMatchObject({ verdict: Verdict.VALID, paths: ['/user/tokens/verify', `${own}/tokens/verify`, search] });
  });

  test('is bad when nobody knows it, or when it is not active', async () => {
    expect(await check({ '/user/tokens/verify': bad, [`${own}/tokens/verify`]: bad })).toMatchObject({ verdict: Verdict.INVALID, message: 'Invalid API Token' });
    const expired = { body: '{"result":{"status":"expired"},"success":true}' };
    expect(await check({ '/user/tokens/verify': expired, [`${own}/tokens/verify`]: expired })).toMatchObject({ verdict: Verdict.INVALID, message: 'the token is expired' });
  });

  test('is bad for this when it is active and may not use Workers AI', async () => {
    const answer = await check({ '/user/tokens/verify': active, [search]: { status: 403, body: '{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}' } });
    expect(answer).toMatchObject({ verdict: Verdict.INVALID, checkedWith: `GET ${search}` });
    expect(answer.message).toContain('may not use Workers AI');
  });
});

test('the models of cloudflare are read page by page, with what is known of them', async () => {
  const page = (count: number, from: number) => ({
    result: Array.from({ length: count }, (_, at) => ({
      name: `@cf/example/model-${from + at}`,
      properties: [
        { property_id: 'context_window', value: '24000' },
        { property_id: 'function_calling', value: 'true' },
        { property_id: 'price', value: [{ unit: 'per M input tokens', price: 0.29, currency: 'USD' }] },
      ],
    })),
  });
  await using mock = await mockUpstream(({ path }) => ({
    body: JSON.stringify(path.includes('Embeddings') ? { result: [{ name: '@cf/baai/bge-m3', properties: [] }] } : path.endsWith('page=1') ? page(100, 0) : page(3, 100)),
  }));
  const models = await cloudflare.listModels({ instance: { name: 'cloudflare', baseUrl: mock.url, settings: account }, key: 'k' }, { signal: AbortSignal.timeout(15_000) });
  expect(models).toHaveLength(104);
  expect(models[102]).toMatchObject({ model: '@cf/example/model-102', contextWindow: 24_000n, capabilities: ['tools'] });
  expect(models[103]).toMatchObject({ model: '@cf/baai/bge-m3', capabilities: ['embeddings'] });
  expect(mock.requests.map((request) => request.path).toSorted()).toEqual(
    ['Text%20Embeddings&per_page=100&page=1', 'Text%20Generation&per_page=100&page=1', 'Text%20Generation&per_page=100&page=2'].map((asked) => `/accounts/${account.account_id}/ai/models/search?task=${asked}`),
  );
});
