import { describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { openaiCompatible } from '../../src/plugins/openai-compatible.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, tool, user } from '../generate-request.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('openai-compatible/text.sse');

testProvider({
  provider: openaiCompatible,
  upstream: {
    text: { answer: text, text: 'Grüße!', usage: { inputTokens: 8n, outputTokens: 6n } },
    withoutUsage: { answer: providerFixture('openai/without-usage.sse') },
    toolCall: { answer: providerFixture('openai-compatible/tool-call.sse'), calls: [{ name: 'weather', arguments: { city: 'Köln' } }] },
    error: { answer: providerFixture('openai-compatible/error.json', { status: 400 }), errorClass: ErrorClass.CONTEXT_LENGTH },
    rateLimit: { answer: providerFixture('openai-compatible/rate-limit.json', { status: 429, headers: { 'retry-after-ms': '1500', 'retry-after': '1' } }), retryAfterMs: 1500 },
  },
});

const thought = (said: string, providerType: string) => part({ $case: 'reasoning', value: { text: said, signature: '', redactedData: Buffer.alloc(0), providerType } });
const call = part({ $case: 'toolCall', value: { id: 'c1', name: 'f', argumentsJson: '{}' } });
const result = part({ $case: 'toolResult', value: { toolCallId: 'c1', content: 'done', isError: false } });

describe('what an openai-compatible server is asked', () => {
  test('is a plain chat completion with usage', async () => {
    const { requests, body } = await askProvider(openaiCompatible, text, { maxOutputTokens: 64, topK: 40, seed: 7n, reasoning: { effort: 'low' } });
    expect([requests[0]?.path, requests[0]?.headers.authorization]).toEqual(['/chat/completions', 'Bearer sk-test']);
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
        "reasoning_effort": "low",
        "seed": 7,
        "stream": true,
        "stream_options": {
          "include_usage": true,
        },
        "top_k": 40,
      }
    `);
  });

  test('follows the settings of its instance', async () => {
    const { requests, body } = await askProvider(openaiCompatible, text, {
      maxOutputTokens: 64,
      settings: { max_tokens_field: 'max_completion_tokens', include_usage: 'off', auth_header: 'X-Api-Key' },
    });
    expect(requests[0]?.headers).toMatchObject({ 'x-api-key': 'sk-test' });
    expect(requests[0]?.headers).not.toHaveProperty('authorization');
    expect(body).toEqual({ model: 'test-model', messages: [{ role: 'user', content: 'Hello' }], max_completion_tokens: 64, stream: true });
  });

  test.each([
    [{ auth_scheme: 'Token' }, 'authorization', 'Token sk-test'],
    [{ auth_scheme: 'none' }, 'authorization', 'sk-test'],
    [{ auth_header: 'api-key', auth_scheme: 'Key' }, 'api-key', 'Key sk-test'],
  ])('holds its key as %j says', async (settings, header, value) => {
    const { requests } = await askProvider(openaiCompatible, text, { settings });
    expect(requests[0]?.headers[header]).toBe(value);
  });

  test.each(['Host', 'content-length', 'transfer-encoding', 'Connection'])('sends no key in the header %s', async (name) => {
    const { requests, answer } = await askProvider(openaiCompatible, text, { settings: { auth_header: name } });
    expect([requests, answer.error]).toMatchObject([[], { message: expect.stringContaining('cannot hold a key') }]);
  });

  test('holds no header for a key that is not there', async () => {
    const { requests } = await askProvider(openaiCompatible, text, { key: '', settings: { key_required: 'false' } });
    expect(requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('keeps to fields of the OpenAI API when the server is strict', async () => {
    const strict = { strict_fields: 'true' };
    const { body, answer } = await askProvider(openaiCompatible, text, {
      settings: strict,
      seed: 7n,
      messages: [user('1'), assistant(thought('mine', 'openai-compatible'), call), tool(result)],
    });
    expect(answer.ignoredFields).toEqual(['seed']);
    expect(Object.keys(body as object)).toEqual(['model', 'messages', 'stream']);
    expect(JSON.stringify(body)).not.toContain('mine');
    const refused = await askProvider(openaiCompatible, text, { settings: strict, topK: 4 });
    expect(providerErrorOf(refused.answer).code).toBe('top_k');
    const told = await askProvider(openaiCompatible, text, { settings: { ...strict, include_usage: 'on' } });
    expect(told.body).toMatchObject({ stream_options: { include_usage: true } });
  });

  test('has its own thoughts back on turns that call tools, and nowhere else', async () => {
    const messages = [user('1'), assistant(thought('plain', 'openai-compatible'), 'a'), assistant(thought('mine', 'openai-compatible'), thought('theirs', 'openrouter'), call), tool(result)];
    const { body } = await askProvider(openaiCompatible, text, { messages });
    expect(body).toMatchObject({ messages: [{}, { content: 'a' }, { content: null, reasoning_content: 'mine' }, {}] });
    expect(JSON.stringify(body)).not.toMatch(/plain|theirs/);
    const named = await askProvider(openaiCompatible, text, { messages, settings: { reasoning_field: 'reasoning' } });
    expect(named.body).toMatchObject({ messages: [{}, {}, { reasoning: 'mine' }, {}] });
  });
});

describe('an answer of an openai-compatible server', () => {
  test('takes the cost of a sum of costs', async () => {
    const { answer } = await askProvider(openaiCompatible, text);
    expect(answer.finish?.reportedCostPicoUsd).toBe(5_020_000_000n);
  });

  test.each([400, 422])('that knows no stream_options says how to go on, without a second request: %i', async (status) => {
    const { requests, answer } = await askProvider(openaiCompatible, { status, body: '{"detail":[{"loc":["body","stream_options"],"msg":"extra fields not permitted"}]}' }, { instance: 'my-vllm' });
    expect(requests).toHaveLength(1);
    const error = providerErrorOf(answer);
    expect(error.errorClass).toBe(ErrorClass.INVALID_REQUEST);
    expect(error.message).toMatch(/^the server does not take stream_options: set include_usage to "off" for the provider "my-vllm" \(/);
  });

  test('is read from the one field that is named', async () => {
    const answer = { body: '{"choices":[{"message":{"content":"4","thoughts":"2+2","reasoning":"no"},"finish_reason":"stop"}]}' };
    const named = await askProvider(openaiCompatible, answer, { settings: { reasoning_field: 'thoughts' } });
    expect(named.answer.parts).toMatchObject([{ kind: 'reasoning', text: '2+2' }, { kind: 'text', text: '4' }]);
    const usual = await askProvider(openaiCompatible, answer);
    expect(usual.answer.reasoning).toBe('no');
  });
});

describe('the models of an openai-compatible server', () => {
  const ask = async (body: string, settings: Readonly<Record<string, string>> = {}) => {
    await using mock = await mockUpstream({ body });
    const models = await openaiCompatible.listModels({ instance: { name: 'x', baseUrl: mock.url, settings: { ...settings } }, key: '' }, { signal: AbortSignal.timeout(15_000) });
    return { models, path: mock.requests[0]?.path };
  };

  test('are read in any of the usual shapes', async () => {
    expect((await ask('{"data":[{"id":"a","max_model_len":4096}]}')).models).toMatchObject([{ model: 'a', contextWindow: 4096n }]);
    expect((await ask('{"models":[{"name":"b","context_length":"many"}]}')).models).toMatchObject([{ model: 'b', contextWindow: undefined }]);
    expect((await ask('[{"id":"c","max_output_tokens":10}]')).models).toMatchObject([{ model: 'c', maxOutputTokens: 10n }]);
  });

  test('are asked for where the instance says', async () => {
    expect((await ask('{"data":[]}', { models_path: '/v2/list' })).path).toBe('/v2/list');
  });

  test.each([
    [403, 'Your API key has been disabled.', Verdict.INVALID],
    [403, 'Missing scopes: api.model.read', Verdict.UNKNOWN],
    [404, 'Not Found', Verdict.UNKNOWN],
    [429, 'Slow down', Verdict.UNKNOWN],
  ])('tell of a key only what they say: %i %s', async (status, message, verdict) => {
    await using mock = await mockUpstream({ status, body: JSON.stringify({ error: { message } }) });
    const answer = await openaiCompatible.checkKey({ instance: { name: 'x', baseUrl: mock.url, settings: {} }, key: 'sk-local-0' }, { signal: AbortSignal.timeout(15_000) });
    expect(answer).toEqual({ verdict, message, checkedWith: 'GET /models' });
  });
});
