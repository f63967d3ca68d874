import { describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { google } from '../../src/plugins/google.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, type MockAnswer } from '../mock-upstream.ts';
import { providerFixture } from '../provider-fixture.ts';

const instanceAt = (baseUrl: string) => generateRequest({ baseUrl }).instance;
const signal = (): AbortSignal => AbortSignal.timeout(15_000);

describe('the models of Google', () => {
  test('are listed page by page, with their limits and what they can do', async () => {
    await using mock = await mockUpstream(providerFixture('google/models-1.json'), providerFixture('google/models-2.json'));
    const models = await google.listModels({ instance: instanceAt(mock.url), key: 'AIzaTest' }, { signal: signal() });
    expect(models.filter(({ model }) => !['imagen-4.0-generate-001', 'aqa'].includes(model))).toEqual([
      { model: 'gemini-2.5-flash', displayName: 'Gemini 2.5 Flash', contextWindow: 1_048_576n, maxOutputTokens: 65_536n, inputModalities: ['text', 'image', 'audio'], capabilities: ['tools', 'json_schema', 'reasoning'], refuses: [] },
      { model: 'gemini-2.5-flash-preview-tts', displayName: 'TTS', contextWindow: 8192n, maxOutputTokens: 16_384n, inputModalities: [], capabilities: [], refuses: [] },
      { model: 'gemma-4-31b-it', displayName: 'Gemma 4 31B IT', contextWindow: undefined, maxOutputTokens: undefined, inputModalities: [], capabilities: ['reasoning'], refuses: [] },
      { model: 'gemini-embedding-001', displayName: 'Gemini Embedding 001', contextWindow: 2048n, maxOutputTokens: 1n, inputModalities: [], capabilities: ['embeddings'], refuses: [] },
    ]);
    // What makes pictures, or something else again, is there too, and can do nothing that is asked for here.
    expect(models.filter(({ model }) => ['imagen-4.0-generate-001', 'aqa'].includes(model)).map(({ capabilities }) => capabilities)).toEqual([[], []]);
    expect(mock.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /models?pageSize=1000', 'GET /models?pageSize=1000&pageToken=cGFnZS8y']);
    expect(mock.requests.map(({ headers }) => headers['x-goog-api-key'])).toEqual(['AIzaTest', 'AIzaTest']);
  });

  test('are each listed once by a server that gives the same page again', async () => {
    await using mock = await mockUpstream(providerFixture('google/models-1.json'));
    const models = await google.listModels({ instance: instanceAt(mock.url), key: 'AIzaTest' }, { signal: signal() });
    expect(models.map(({ model }) => model)).toEqual(['gemini-2.5-flash', 'gemini-2.5-flash-preview-tts', 'imagen-4.0-generate-001']);
    expect(mock.requests.length).toBe(2);
  });
});

describe('a key of Google', () => {
  const rejected = { error: { code: 400, status: 'INVALID_ARGUMENT', message: 'API key not valid. Please pass a valid API key.', details: [{ reason: 'API_KEY_INVALID' }] } };
  test.each<[string, MockAnswer, Verdict]>([
    ['good when the list answers', { body: '{"models":[]}' }, Verdict.VALID],
    ['bad when Google says so, under HTTP 400', { status: 400, body: JSON.stringify(rejected) }, Verdict.INVALID],
    ['of unknown worth when it may not list', { status: 403, body: '{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Requests are blocked."}}' }, Verdict.UNKNOWN],
    ['of unknown worth when Google fails', { status: 500 }, Verdict.UNKNOWN],
  ])('is %s', async (_what, answer, verdict) => {
    await using mock = await mockUpstream(answer);
    expect(await google.checkKey({ instance: instanceAt(mock.url), key: 'AIzaTest' }, { signal: signal() })).toMatchObject({ verdict, checkedWith: 'GET /models' });
    expect(mock.requests.map(({ path }) => path)).toEqual(['/models?pageSize=1']);
  });
});
