import { describe, expect, test } from 'vitest';
import { EmbedRequest, type EmbedResponse } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { ollama } from '../../src/plugins/ollama.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, refusingUrl } from '../mock-upstream.ts';

async function embed(baseUrl: string, fields: Partial<EmbedRequest> = {}, signal = AbortSignal.timeout(15_000)): Promise<EmbedResponse> {
  const request: EmbedRequest = { ...EmbedRequest.fromPartial({ model: 'all-minilm', inputs: ['Why?', 'Grüße'] }), instance: generateRequest({ baseUrl }).instance, ...fields };
  return ollama.embed?.(request, { signal }) ?? Promise.reject(new Error('ollama embeds nothing'));
}

const two = '{"model":"all-minilm","embeddings":[[0.25,-1],[0.5,2]],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}';

describe('vectors of Ollama', () => {
  test('are asked for all at once, and texts are never cut in silence', async () => {
    await using mock = await mockUpstream({ body: two });
    expect(await embed(mock.url)).toEqual({ vectors: [{ values: [0.25, -1] }, { values: [0.5, 2] }], responseModel: 'all-minilm', usage: { inputTokens: 8n } });
    const [request] = mock.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/api/embed' });
    expect(request?.headers).not.toHaveProperty('authorization');
    expect(request?.json()).toMatchInlineSnapshot(`
      {
        "input": [
          "Why?",
          "Grüße",
        ],
        "model": "all-minilm",
        "truncate": false,
      }
    `);
  });

  test('have the length that is asked for, and the caller’s own fields and key go along', async () => {
    await using mock = await mockUpstream({ body: two });
    await embed(mock.url, { dimensions: 2, key: 'k-12345678', providerOptionsJson: { ollama: '{"truncate":true,"keep_alive":"1h"}' } });
    expect(mock.requests[0]?.headers.authorization).toBe('Bearer k-12345678');
    expect(mock.requests[0]?.json()).toEqual({ model: 'all-minilm', input: ['Why?', 'Grüße'], dimensions: 2, truncate: true, keep_alive: '1h' });
  });

  test('leave usage unset when the server says nothing', async () => {
    await using mock = await mockUpstream({ body: '{"embeddings":[[1],[2]]}' });
    expect(await embed(mock.url)).toEqual({ vectors: [{ values: [1] }, { values: [2] }], responseModel: '', usage: undefined });
  });

  test('of another length than asked are refused, naming the field', async () => {
    await using mock = await mockUpstream({ body: two });
    await expect(embed(mock.url, { dimensions: 64 })).rejects.toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: 'dimensions' });
  });

  test.each([
    [200, '{"embeddings":[[1]]}', ErrorClass.INVALID_RESPONSE],
    [200, '{"embeddings":[[1],["2"]]}', ErrorClass.INVALID_RESPONSE],
    [200, '{"embeddings":[[1],[', ErrorClass.TRUNCATED],
    [400, '{"error":"the input length exceeds the context length"}', ErrorClass.CONTEXT_LENGTH],
    [404, '{"error":"model \\"all-minilm\\" not found, try pulling it first"}', ErrorClass.NOT_FOUND],
    [500, '{"error":"this model does not support embeddings"}', ErrorClass.SERVER],
  ])('fail with HTTP %i %s', async (status, body, errorClass) => {
    await using mock = await mockUpstream({ status, body });
    await expect(embed(mock.url)).rejects.toMatchObject({ name: 'ProviderError', errorClass });
  });

  test('fail when nobody listens', async () => {
    await expect(embed(await refusingUrl())).rejects.toMatchObject({ errorClass: ErrorClass.NETWORK, code: 'ECONNREFUSED' });
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
