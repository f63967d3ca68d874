import { describe, expect, test } from 'vitest';
import { EmbedRequest, type EmbedResponse } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { google } from '../../src/plugins/google.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, type MockScript } from '../mock-upstream.ts';

interface Batch {
  readonly requests: readonly { readonly content: { readonly parts: readonly { readonly text: string }[] } }[];
}

/** Answers each text with a vector that begins with the number in it. */
const numbered: MockScript = (request) => {
  const { requests } = request.json() as Batch;
  const embeddings = requests.map(({ content }) => ({ values: [Number(content.parts[0]?.text), 0.5] }));
  return { body: JSON.stringify({ embeddings, usageMetadata: { promptTokenCount: requests.length } }) };
};

async function embed(baseUrl: string, fields: Partial<EmbedRequest>, signal = AbortSignal.timeout(15_000)): Promise<EmbedResponse> {
  const request: EmbedRequest = { ...EmbedRequest.fromPartial({ key: 'AIzaTest', model: 'gemini-embedding-001', inputs: ['1'] }), instance: generateRequest({ baseUrl }).instance, ...fields };
  return google.embed?.(request, { signal }) ?? Promise.reject(new Error('google embeds nothing'));
}

describe('vectors of Google', () => {
  test('are asked for with a content of its own for each text', async () => {
    await using mock = await mockUpstream(numbered);
    const { vectors, usage } = await embed(mock.url, { inputs: ['1', '2'], dimensions: 2, providerOptionsJson: { google: '{"taskType":"RETRIEVAL_QUERY"}' } });
    expect(vectors).toEqual([{ values: [1, 0.5] }, { values: [2, 0.5] }]);
    expect(usage).toEqual({ inputTokens: 2n });
    const [request] = mock.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/models/gemini-embedding-001:batchEmbedContents', headers: { 'x-goog-api-key': 'AIzaTest' } });
    expect(request?.json()).toMatchInlineSnapshot(`
      {
        "requests": [
          {
            "content": {
              "parts": [
                {
                  "text": "1",
                },
              ],
            },
            "model": "models/gemini-embedding-001",
            "outputDimensionality": 2,
            "taskType": "RETRIEVAL_QUERY",
          },
          {
            "content": {
              "parts": [
                {
                  "text": "2",
                },
              ],
            },
            "model": "models/gemini-embedding-001",
            "outputDimensionality": 2,
            "taskType": "RETRIEVAL_QUERY",
          },
        ],
      }
    `);
  });

  test('come in the order of the texts, however many there are', async () => {
    await using mock = await mockUpstream(numbered);
    const inputs = Array.from({ length: 250 }, (_, at) => String(at));
    const { vectors, usage } = await embed(mock.url, { inputs });
    expect(vectors.map(({ values }) => values[0])).toEqual(inputs.map(Number));
    expect(usage).toEqual({ inputTokens: 250n });
    expect(mock.requests.map((request) => (request.json() as Batch).requests.length)).toEqual([100, 100, 50]);
  });

  test('leave usage unset when Google says nothing', async () => {
    await using mock = await mockUpstream({ body: '{"embeddings":[{"values":[1]}]}' });
    expect((await embed(mock.url, {})).usage).toBeUndefined();
  });

  test.each([
    ['{"embeddings":[]}', ErrorClass.INVALID_RESPONSE],
    ['{"embeddings":[{"values":[1]},{"values":[2]}]}', ErrorClass.INVALID_RESPONSE],
    ['{"embeddings":[{"values":["1"]}]}', ErrorClass.INVALID_RESPONSE],
    ['{"embeddings":[{"values":[]}]}', ErrorClass.INVALID_RESPONSE],
    ['{}', ErrorClass.INVALID_RESPONSE],
    ['{"embeddings":[{"val', ErrorClass.TRUNCATED],
  ])('are not taken from %s', async (body, errorClass) => {
    await using mock = await mockUpstream({ body });
    await expect(embed(mock.url, {})).rejects.toMatchObject({ name: 'ProviderError', errorClass });
  });

  test('of another length than asked are refused, naming the field', async () => {
    await using mock = await mockUpstream(numbered);
    await expect(embed(mock.url, { dimensions: 256 })).rejects.toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: 'dimensions' });
  });

  test('fail with what was used until then', async () => {
    await using mock = await mockUpstream(numbered, { status: 503, body: '{"error":{"code":503,"status":"UNAVAILABLE","message":"Full."}}' });
    const inputs = Array.from({ length: 101 }, (_, at) => String(at));
    await expect(embed(mock.url, { inputs })).rejects.toMatchObject({ errorClass: ErrorClass.OVERLOADED, usage: { inputTokens: 100n } });
  });

  test('are given up with the caller', async () => {
    await using mock = await mockUpstream({ silent: true });
    const abort = new AbortController();
    const reason = new Error('the caller went away');
    const answer = embed(mock.url, {}, abort.signal);
    const request = await mock.nextRequest();
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
    expect(await request.closed).toBe('aborted');
  });
});
