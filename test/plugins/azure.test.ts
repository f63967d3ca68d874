import { describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { azure } from '../../src/plugins/azure.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider, chunk, sse } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { system, user, type RequestOptions } from '../generate-request.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('azure/text.sse');
const signal = (): AbortSignal => AbortSignal.timeout(15_000);

for (const api of ['v1', 'deployments']) {
  testProvider({
    provider: azure,
    model: 'my-deployment',
    settings: { api },
    upstream: {
      text: { answer: text, text: 'Grüße 👋', usage: { inputTokens: 20n, outputTokens: 4n, cacheReadInputTokens: 8n, reasoningOutputTokens: 0n } },
      withoutUsage: { answer: providerFixture('openai/without-usage.sse') },
      toolCall: { answer: providerFixture('azure/tool-call.sse'), calls: [{ name: 'weather', arguments: { city: 'Köln' } }] },
      error: { answer: providerFixture('azure/error.json', { status: 400 }), errorClass: ErrorClass.CONTENT_FILTER },
      // The longer of the two holds.
      rateLimit: { answer: providerFixture('azure/rate-limit.json', { status: 429, headers: { 'retry-after': '7', 'retry-after-ms': '0' } }), retryAfterMs: 7000 },
      streamError: { answer: providerFixture('openai/stream-error.sse'), errorClass: ErrorClass.SERVER },
    },
  });
}

describe('what azure is asked', () => {
  const ask = (options: Partial<RequestOptions> = {}) => askProvider(azure, text, { model: 'my-deployment', ...options });

  test('is a chat completion of its v1 API, where the model is a deployment', async () => {
    const { requests, body } = await ask({ messages: [system('Be brief.'), user('Hello')], maxOutputTokens: 100, temperature: 0.5, reasoning: { effort: 'low' } });
    expect([requests[0]?.path, requests[0]?.headers['api-key'], requests[0]?.headers.authorization]).toEqual(['/openai/v1/chat/completions', 'sk-test', undefined]);
    expect(body).toMatchInlineSnapshot(`
      {
        "max_completion_tokens": 100,
        "messages": [
          {
            "content": "Be brief.",
            "role": "system",
          },
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "model": "my-deployment",
        "reasoning_effort": "low",
        "stream": true,
        "stream_options": {
          "include_usage": true,
        },
        "temperature": 0.5,
      }
    `);
  });

  test('is the older API with its version when the instance says so, the deployment in the path', async () => {
    const { requests, body } = await ask({ model: 'a b/c', settings: { api: 'deployments' }, maxOutputTokens: 100 });
    expect(requests[0]?.path).toBe('/openai/deployments/a%20b%2Fc/chat/completions?api-version=2024-10-21');
    expect(body).toMatchInlineSnapshot(`
      {
        "max_tokens": 100,
        "messages": [
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "stream": true,
        "stream_options": {
          "include_usage": true,
        },
      }
    `);
    const other = await ask({ settings: { api: 'deployments', api_version: '2025-01-01-preview' } });
    expect(other.requests[0]?.path).toBe('/openai/deployments/my-deployment/chat/completions?api-version=2025-01-01-preview');
  });

  test.each([
    ['v1', 'my-deployment', 'max_completion_tokens'],
    ['v1', 'gpt-5-mini', 'max_completion_tokens'],
    ['v1', 'Mistral-Large-2411', 'max_tokens'],
    ['deployments', 'gpt-4o', 'max_tokens'],
    ['deployments', 'o3-mini', 'max_completion_tokens'],
  ])('has its token limit in the field that %s takes for %s: %s', async (api, model, field) => {
    expect((await ask({ model, settings: { api }, maxOutputTokens: 7 })).body).toMatchObject({ [field]: 7 });
    const set = await ask({ model, settings: { api, max_tokens_field: 'max_output' }, maxOutputTokens: 7 });
    expect(set.body).toMatchObject({ max_output: 7 });
    expect(set.body).not.toHaveProperty(field);
  });

  test.each(['gpt-5-codex', 'gpt-5.2-pro', 'o3-deep-research', 'codex-mini', 'o1-pro'])('is the Responses API for what has no other: %s', async (model) => {
    const { requests, body } = await askProvider(azure, providerFixture('openai/responses-text.sse'), { model, maxOutputTokens: 7 });
    expect([requests[0]?.path, requests[0]?.headers['api-key']]).toEqual(['/openai/v1/responses', 'sk-test']);
    expect(body).toEqual({ model, input: [{ role: 'user', content: 'Hello' }], max_output_tokens: 7, include: ['reasoning.encrypted_content'], store: false, stream: true });
  });

  test.each(['gpt-5', 'gpt-4o', 'o3', 'my-codex-like', 'chat-pro', 'gpt-5-production'])('is chat completions for what has them: %s', async (model) => {
    expect((await ask({ model })).requests[0]?.path).toBe('/openai/v1/chat/completions');
  });

  test('is the resource, also when its address was copied with a path', async () => {
    for (const path of ['', '/openai', '/openai/v1']) {
      await using mock = await mockUpstream(text);
      const instance = { name: 'azure', baseUrl: mock.url + path, settings: { api: 'v1' } };
      await azure.checkKey({ instance, key: 'k' }, { signal: signal() });
      expect(mock.requests[0]?.path).toBe('/openai/v1/models');
    }
  });

  test.each([
    ['model', { model: '..', settings: { api: 'deployments' } }],
    ['top_k', { topK: 4 }],
  ] as const)('cannot be what it does not know: %s', async (field, options) => {
    const { requests, answer } = await ask(options);
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: field });
  });
});

describe('an answer of azure', () => {
  const failure = async (status: number, body: unknown, model = 'my-deployment') => providerErrorOf((await askProvider(azure, { status, body: JSON.stringify(body) }, { model })).answer);

  test('names the request for the support', async () => {
    const { answer } = await askProvider(azure, { ...text, headers: { ...text.headers, 'apim-request-id': 'apim-1', 'x-request-id': 'x-1' } });
    expect(answer.finish).toMatchObject({ providerRequestId: 'apim-1', responseModel: 'gpt-4.1-mini-2025-04-14' });
  });

  test('may be stopped by a filter, with or without a message', async () => {
    const { answer } = await askProvider(azure, { body: '{"choices":[{"index":0,"finish_reason":"content_filter","content_filter_results":{"hate":{"filtered":true}}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}' });
    expect([answer.text, answer.finish?.finishReason]).toEqual(['', FinishReason.CONTENT_FILTER]);
    const late = await askProvider(azure, sse(chunk({ content: 'Hi' }), chunk({}, 'content_filter'), { choices: [{ index: 0, finish_reason: null, content_filter_offsets: {} }] }, '[DONE]'));
    expect([late.answer.text, late.answer.finish?.finishReason]).toEqual(['Hi', FinishReason.CONTENT_FILTER]);
  });

  test('of the Responses API may be a rate limit under HTTP 200, told behind a failure without words', async () => {
    const answer = providerFixture('azure/responses-rate-limit.sse', { headers: { 'retry-after': '3', 'retry-after-ms': '0' } });
    expect(providerErrorOf((await askProvider(azure, answer, { model: 'gpt-5-codex' })).answer)).toMatchObject({ errorClass: ErrorClass.RATE_LIMIT, type: 'too_many_requests', retryAfterMs: 3000 });
  });

  test('keeps what has to go back under its own name', async () => {
    const { answer } = await askProvider(azure, providerFixture('openai/responses-reasoning.sse'), { model: 'gpt-5-codex' });
    expect(answer.parts.flatMap(({ metadata }) => Object.keys(metadata ?? {}))).toEqual(['azure', 'azure', 'azure']);
  });

  test('says that a model is a deployment when there is none', async () => {
    const error = await failure(404, { error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' } }, 'gpt-4o');
    expect(error).toMatchObject({ errorClass: ErrorClass.NOT_FOUND, code: 'DeploymentNotFound', message: '"gpt-4o" has to be the name of a deployment of your resource (The API deployment for this resource does not exist.)' });
  });

  test('says which setting helps when the token limit stands in the wrong field', async () => {
    const message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    const error = await failure(400, { error: { message, type: 'invalid_request_error', param: 'max_tokens', code: 'unsupported_parameter' } });
    expect(error.message).toBe(`set max_tokens_field to "max_completion_tokens" for the provider "test" (${message})`);
    const foreign = await failure(422, { detail: [{ type: 'extra_forbidden', loc: ['body', 'max_completion_tokens'], msg: 'Extra inputs are not permitted' }] });
    expect(foreign.message).toMatch(/^set max_tokens_field to "max_tokens" for/);
  });
});

describe('the models of azure', () => {
  test.each([
    ['v1', '/openai/v1/models'],
    ['deployments', '/openai/models?api-version=2024-10-21'],
  ])('are those that can be deployed and that answer or embed, with api=%s', async (api, path) => {
    await using mock = await mockUpstream(providerFixture('azure/models.json'));
    const models = await azure.listModels({ instance: { name: 'azure', baseUrl: mock.url, settings: { api } }, key: 'k' }, { signal: signal() });
    expect([mock.requests[0]?.path, mock.requests[0]?.headers['api-key']]).toEqual([path, 'k']);
    expect(models.map(({ model, contextWindow, capabilities }) => [model, contextWindow, capabilities])).toEqual([
      ['gpt-4.1-mini-2025-04-14', 1_047_576n, []],
      ['text-embedding-3-small', undefined, ['embeddings']],
    ]);
    expect(models[0]?.displayName).toContain('deployment');
  });

  test('tell whether a key is good', async () => {
    await using mock = await mockUpstream({ status: 401, body: '{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}' });
    const verdict = await azure.checkKey({ instance: { name: 'azure', baseUrl: mock.url, settings: {} }, key: 'k' }, { signal: signal() });
    expect(verdict).toMatchObject({ verdict: Verdict.INVALID, checkedWith: 'GET /openai/v1/models' });
  });
});
