import { credentials } from '@grpc/grpc-js';
import { expect, onTestFinished } from 'vitest';
import { ListGenerationsRequest, UsageServiceClient, UsageServiceService, type Generation } from '../../src/gen/tollgate/v1/usage_service.ts';
import type { TestDaemon } from './test-daemon.ts';
import { call } from './usage/usage-server.ts';

export function usageClient({ daemon }: TestDaemon): UsageServiceClient {
  const client = new UsageServiceClient(daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => client.close());
  return client;
}

/** The generations that the books hold, the newest first. */
export async function settledGenerations(daemon: TestDaemon, client = usageClient(daemon)): Promise<readonly Generation[]> {
  const all: Generation[] = [];
  for (let pageToken = ''; ;) {
    const { response } = await call(client, UsageServiceService.listGenerations, ListGenerationsRequest.fromPartial({ pageSize: 1000, pageToken }), daemon.adminToken);
    all.push(...(response?.generations ?? []));
    pageToken = response?.nextPageToken ?? '';
    if (pageToken === '') return all;
  }
}

/** Waits until the books hold so many generations. */
export async function settled(daemon: TestDaemon, count: number): Promise<readonly Generation[]> {
  const client = usageClient(daemon);
  let generations: readonly Generation[] = [];
  await expect.poll(async () => (generations = await settledGenerations(daemon, client)).length, { timeout: 15_000, interval: 5 }).toBe(count);
  return generations;
}

/** Waits for the one generation that the books hold. */
export async function onlySettled(daemon: TestDaemon): Promise<Generation> {
  const [generation] = await settled(daemon, 1);
  if (generation === undefined) throw new Error('no generation');
  return generation;
}
