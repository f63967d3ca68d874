import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GenerateServiceClient, type ListModelsResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import { bearer } from '../daemon/test-daemon.ts';
import { spawnDaemon, type SpawnedDaemon } from '../e2e/spawn-daemon.ts';
import { providerFor } from './ask-case.ts';
import { readLists } from './cases.ts';
import { startReplay, type Replay } from './replay.ts';

const lists = readLists().map((recorded, at) => ({ ...recorded, instance: `l${at}` }));

describe.runIf(lists.length > 0)('a recorded list of models', () => {
  let replay: Replay;
  let daemon: SpawnedDaemon;
  let client: GenerateServiceClient;

  beforeAll(async () => {
    replay = await startReplay();
    const providers = lists.map((recorded) => [recorded.instance, { ...providerFor(recorded), base_url: replay.url(recorded.folder, recorded.name, 'bytes:7'), key_env: 'RECORDED_KEY' }]);
    daemon = await spawnDaemon({ config: { providers: Object.fromEntries(providers) }, variables: { RECORDED_KEY: 'recorded-QqZzXx-0123456789' } });
    client = new GenerateServiceClient(daemon.grpc, credentials.createInsecure());
  });

  afterAll(async () => {
    client.close();
    await daemon.stop();
    await replay.stop();
  });

  it.each(lists)('$folder/$name is listed whole, with its limits', async ({ instance, expected }) => {
    const listed = await new Promise<ListModelsResponse>((resolve, reject) => {
      client.listModels({ provider: instance, filter: '', pageSize: 1000, pageToken: '' }, bearer(daemon.adminToken), (error, response) => (error === null ? resolve(response) : reject(error)));
    });
    expect(listed.unlistedProviders).toEqual([]);
    const found = new Map(listed.models.map((model) => [model.model, { context_length: model.contextWindow, max_output_tokens: model.maxOutputTokens }]));
    const count = (tokens: number | null): bigint | undefined => (tokens === null ? undefined : BigInt(tokens));
    for (const { bare_id, context_length, max_output_tokens } of expected.models ?? []) {
      expect([bare_id, found.get(bare_id)]).toEqual([bare_id, { context_length: count(context_length), max_output_tokens: count(max_output_tokens) }]);
    }
    expect(listed.models).toHaveLength(expected.models?.length ?? 0);
  });
});
