import { Cost_Provenance } from '../../src/gen/tollgate/v1/content.ts';
import { status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { EmbedRequest, type EmbedResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import { ErrorClass, ProviderError, type Provider } from '../../src/plugins/provider.ts';
import { hello, scriptedProvider } from './scripted-provider.ts';
import { bearer, rpcFailure, testDaemon, type TestDaemon } from './test-daemon.ts';

const withEmbed = (type: string, embed: NonNullable<Provider['embed']>): Provider => ({ ...scriptedProvider(type, hello), embed });

/** A vector per text: its length, as often as asked. */
const lengths = withEmbed('p', async ({ inputs, dimensions = 2, model }) => ({
  vectors: inputs.map((text) => ({ values: Array.from({ length: dimensions }, () => text.length) })),
  responseModel: `${model}-1`,
  usage: { inputTokens: 7n },
  reportedCostPicoUsd: undefined,
}));

const embed = ({ generateClient, adminToken }: TestDaemon, fields: Parameters<typeof EmbedRequest.fromPartial>[0]) =>
  new Promise<{ response: EmbedResponse } | { failure: ReturnType<typeof rpcFailure> }>((resolve) => {
    generateClient.embed(EmbedRequest.fromPartial(fields), bearer(adminToken), (error: ServiceError | null, response) => resolve(error === null ? { response } : { failure: rpcFailure(error) }));
  });

describe('Embed', () => {
  it('gives one vector a text, in their order, with the usage that the provider reported', async () => {
    const daemon = await testDaemon({ providers: [lengths] });
    expect(await embed(daemon, { model: 'p/m', inputs: ['a', 'bbb'] })).toEqual({
      response: { embeddings: [{ index: 0, values: [1, 1] }, { index: 1, values: [3, 3] }], responseModel: 'm-1', usage: { inputTokens: 7n }, cost: expect.objectContaining({ provenance: Cost_Provenance.FREE }) },
    });
  });

  it.each([
    [{ model: '', inputs: ['a'] }, 'model'],
    [{ model: 'p/m', inputs: [] }, 'inputs'],
    [{ model: 'p/m', inputs: ['a', ''] }, 'inputs[1]'],
    [{ model: 'p/m', inputs: ['a'], dimensions: 0 }, 'dimensions'],
  ])('refuses a wrong request (%#), naming the field', async (request, field) => {
    expect(await embed(await testDaemon({ providers: [lengths] }), request)).toMatchObject({ failure: { code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID', fields: [field] } });
  });

  it('refuses what is over 3 MiB, naming how many texts fit, before it costs anything where that is known', async () => {
    const daemon = await testDaemon({ providers: [lengths] });
    const inputs = Array.from({ length: 300 }, () => 'x');
    expect(await embed(daemon, { model: 'p/m', inputs, dimensions: 3072 })).toMatchObject({ failure: { reason: 'REQUEST_INVALID', message: expect.stringContaining('at most 256 texts') } });
  });

  it('says NOT_SUPPORTED for a provider that makes none, and what a provider refuses', async () => {
    const refusing = withEmbed('q', async () => {
      throw new ProviderError(ErrorClass.NOT_FOUND, 'no such model', { httpStatus: 404 });
    });
    const short = withEmbed('r', async () => ({ vectors: [], responseModel: '', usage: undefined, reportedCostPicoUsd: undefined }));
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello), refusing, short] });
    expect(await embed(daemon, { model: 'p/m', inputs: ['a'] })).toMatchObject({ failure: { code: status.UNIMPLEMENTED, reason: 'NOT_SUPPORTED' } });
    expect(await embed(daemon, { model: 'q/m', inputs: ['a'] })).toMatchObject({ failure: { code: status.NOT_FOUND, reason: 'MODEL_NOT_FOUND', metadata: { http_status: '404' } } });
    expect(await embed(daemon, { model: 'r/m', inputs: ['a'] })).toMatchObject({ failure: { reason: 'RESPONSE_INVALID' } });
  });
});
