import { describe, expect, test } from 'vitest';
import { azure } from '../../../src/plugins/azure.ts';
import { cloudflare } from '../../../src/plugins/cloudflare.ts';
import { openai } from '../../../src/plugins/openai.ts';
import { openaiCompatible } from '../../../src/plugins/openai-compatible.ts';
import { ErrorClass, ProviderError, type EmbedRequest, type EmbedResponse, type Provider } from '../../../src/plugins/provider.ts';
import { together } from '../../../src/plugins/together.ts';
import { mockUpstream, refusingUrl, type MockAnswer, type MockRequest } from '../../mock-upstream.ts';
import { providerFixture } from '../../provider-fixture.ts';

const two = providerFixture('openai/embeddings.json');
const KEY = 'sk-embed-5f2c9be1d7a84c63';
const texts = ['Hello', 'World'];

interface Embedded {
  readonly requests: readonly MockRequest[];
  readonly response: EmbedResponse | undefined;
  readonly error: ProviderError | undefined;
}

type Options = Partial<Omit<EmbedRequest, 'instance'>> & { readonly settings?: Readonly<Record<string, string>> };

async function embed(provider: Provider, answer: MockAnswer, { settings = {}, ...fields }: Options = {}): Promise<Embedded> {
  await using mock = await mockUpstream(answer);
  const request: EmbedRequest = { key: KEY, model: 'text-embedding-3-small', inputs: texts, providerOptionsJson: {}, ...fields, instance: { name: 'test', baseUrl: mock.url, settings: { ...settings } } };
  try {
    const response = await provider.embed?.(request, { signal: AbortSignal.timeout(15_000) });
    return { requests: [...mock.requests], response, error: undefined };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { requests: [...mock.requests], response: undefined, error };
  }
}

const answered = (data: unknown, more: object = {}): MockAnswer => ({ body: JSON.stringify({ data, ...more }) });
const ACCOUNT = '0123456789abcdef0123456789abcdef';

describe('what an embedding asks', () => {
  test('is one request for all texts', async () => {
    const { requests } = await embed(openai, two, { dimensions: 2, providerOptionsJson: { openai: '{"user":"u"}', azure: '{"x":1}' }, settings: { organization: 'org-1' } });
    expect(requests.map(({ method, path, headers }) => [method, path, headers.authorization, headers['openai-organization']])).toEqual([['POST', '/embeddings', `Bearer ${KEY}`, 'org-1']]);
    expect(requests[0]?.json()).toMatchInlineSnapshot(`
      {
        "dimensions": 2,
        "input": [
          "Hello",
          "World",
        ],
        "model": "text-embedding-3-small",
        "user": "u",
      }
    `);
  });

  test.each<[string, Provider, Readonly<Record<string, string>>, string, unknown]>([
    ['azure', azure, { api: 'v1' }, '/openai/v1/embeddings', { model: 'm', input: texts, dimensions: 2 }],
    ['azure, older API', azure, { api: 'deployments' }, '/openai/deployments/m/embeddings?api-version=2024-10-21', { input: texts, dimensions: 2 }],
    ['cloudflare', cloudflare, { account_id: ACCOUNT }, `/accounts/${ACCOUNT}/ai/v1/embeddings`, { model: 'm', input: texts, dimensions: 2 }],
    ['a compatible server', openaiCompatible, { auth_header: 'x-api-key' }, '/embeddings', { model: 'm', input: texts, dimensions: 2 }],
  ])('is in the place and shape of %s', async (_name, provider, settings, path, body) => {
    const { requests, response } = await embed(provider, two, { model: 'm', dimensions: 2, settings });
    expect(requests[0]?.path).toBe(path);
    expect(requests[0]?.json()).toEqual(body);
    expect(JSON.stringify(requests[0]?.headers)).toContain(KEY);
    expect(response?.vectors).toHaveLength(2);
  });

  test('is never a length of vectors that together cannot make', async () => {
    const { requests, error } = await embed(together, two, { dimensions: 2 });
    expect([requests, error?.errorClass, error?.code]).toEqual([[], ErrorClass.UNSUPPORTED, 'dimensions']);
    expect((await embed(together, two)).requests[0]?.json()).toEqual({ model: 'text-embedding-3-small', input: texts });
  });

  test('is nothing without the account that cloudflare needs', async () => {
    const { requests, error } = await embed(cloudflare, two);
    expect([requests, error?.code]).toEqual([[], 'instance.settings.account_id']);
  });
});

describe('what an embedding answers', () => {
  test('is one vector per text, in their order, with usage and model', async () => {
    const { response } = await embed(openai, two);
    expect(response).toEqual({ vectors: [{ values: [1, 0] }, { values: [0.5, -0.25] }], responseModel: 'text-embedding-3-small', usage: { inputTokens: 7n }, reportedCostPicoUsd: undefined });
  });

  test('may be base64, when that was asked for', async () => {
    const floats = Buffer.from(new Float32Array([0.5, -2]).buffer).toString('base64');
    const { response } = await embed(openai, answered([{ embedding: floats }, { embedding: floats }]), { providerOptionsJson: { openai: '{"encoding_format":"base64"}' } });
    expect(response).toEqual({ vectors: [{ values: [0.5, -2] }, { values: [0.5, -2] }], responseModel: '', usage: undefined, reportedCostPicoUsd: undefined });
  });

  test('may be bare vectors without positions', async () => {
    expect((await embed(openaiCompatible, answered([[1], [2]]))).response?.vectors).toEqual([{ values: [1] }, { values: [2] }]);
  });

  test('says so when the model cannot make vectors of the length that was asked for', async () => {
    const { error } = await embed(cloudflare, two, { dimensions: 3, settings: { account_id: ACCOUNT } });
    expect(error).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: 'dimensions', message: expect.stringContaining('vectors of 2 numbers') as string });
  });

  test.each([
    ['too few vectors', [[1]]],
    ['too many vectors', [[1], [2], [3]]],
    ['a position twice', [{ index: 0, embedding: [1] }, { index: 0, embedding: [2] }]],
    ['a position of no text', [{ index: 0, embedding: [1] }, { index: 2, embedding: [2] }]],
    ['a vector without numbers', [{ embedding: [] }, { embedding: [1] }]],
    ['a vector with holes', [{ embedding: [1, null] }, { embedding: [1, 2] }]],
    ['a vector that is no list', [{ embedding: 7 }, { embedding: [1] }]],
    ['base64 that breaks off', [{ embedding: 'AAAAAAA=' }, { embedding: 'AAAAAA==' }]],
  ])('is nonsense with %s', async (_what, data) => {
    expect((await embed(openai, answered(data))).error?.errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });

  test.each<[string, MockAnswer, ErrorClass]>([
    ['an error', { status: 429, body: '{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"No money."}}' }, ErrorClass.BILLING],
    ['a bad key', { status: 401, body: `{"error":{"message":"The key ${KEY} is wrong"}}` }, ErrorClass.AUTH],
    ['an error under HTTP 200', { body: '{"error":{"message":"Overloaded","code":"server_overloaded"}}' }, ErrorClass.OVERLOADED],
    ['a body that is cut', { body: '{"data":[{"index":0,"embedding":[1' }, ErrorClass.TRUNCATED],
    ['a broken connection', { body: '{"data":[', ending: 'cut' }, ErrorClass.TRUNCATED],
    ['a page', { body: '<html><title>Welcome</title></html>' }, ErrorClass.INVALID_RESPONSE],
    ['a list', { body: '[]' }, ErrorClass.INVALID_RESPONSE],
  ])('may be %s', async (_what, answer, errorClass) => {
    const { error } = await embed(openai, answer);
    expect(error?.errorClass).toBe(errorClass);
    expect(error?.message).not.toContain(KEY);
  });

  test('is none where nobody listens, and none when nobody wants it any more', async () => {
    const request = { key: KEY, model: 'm', inputs: texts, providerOptionsJson: {}, instance: { name: 'test', baseUrl: await refusingUrl(), settings: {} } };
    await expect(openai.embed?.(request, { signal: AbortSignal.timeout(15_000) })).rejects.toMatchObject({ errorClass: ErrorClass.NETWORK, code: 'ECONNREFUSED' });
    await using mock = await mockUpstream({ silent: true });
    const abort = new AbortController();
    const reason = new Error('the caller went away');
    const embedding = openai.embed?.({ ...request, instance: { ...request.instance, baseUrl: mock.url } }, { signal: abort.signal });
    const received = await mock.nextRequest();
    abort.abort(reason);
    await expect(embedding).rejects.toBe(reason);
    expect(await received.closed).toBe('aborted');
  });
});
