import { once } from 'node:events';
import { status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { ImportUsageRequest, ListGenerationsRequest, QueryUsageRequest, UsageServiceService as Rpc, type ExportUsageResponse, type Generation, type ImportUsageResponse, type WatchUsageResponse } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { bearer, rpcFailure } from '../test-daemon.ts';
import { all, call as generateOnce, cost, DAY, generation, HOUR, ledgerHome, NOON, request, settlement, tier, USD, type Books, type Home } from './ledger-home.ts';
import { call, usageServer, type UsageServer } from './usage-server.ts';

/** On a busy machine. */
const SOON = { timeout: 10_000 };

interface Served extends Books {
  readonly home: Home;
  readonly server: UsageServer;
  readonly admin: string;
}

/** The service on the real books, on a real disk. */
async function served(config: Parameters<typeof ledgerHome>[0] = {}, given?: Home): Promise<Served> {
  const home = given ?? ledgerHome(config);
  const books = await home.open();
  const server = await usageServer(books.ledger);
  return { ...books, home, server, admin: server.token('ops', ['usage:admin']) };
}

const own = ({ server }: Served, client: string): string => server.token(client, ['usage:read'], { tier: 'member' });
const idsOf = (generations: readonly Generation[] = []): string[] => generations.map(({ generationId }) => generationId);

async function exported({ server }: Served, token: string): Promise<Generation[]> {
  return (await all(server.client.exportUsage({ filter: undefined }, bearer(token)) as AsyncIterable<ExportUsageResponse>)).map((response) => response.generation!);
}

function imported({ server, admin }: Served, generations: readonly Generation[]): Promise<ImportUsageResponse> {
  return new Promise((resolve, reject) => {
    const stream = server.client.importUsage(bearer(admin), (error: ServiceError | null, response) => (error === null ? resolve(response) : reject(error)));
    for (const each of generations) stream.write(ImportUsageRequest.fromPartial({ generation: each }));
    stream.end();
  });
}

describe('the service on the real books', () => {
  it('keeps two clients apart, whose ids are swapped', async () => {
    const books = await served();
    const { ledger, server: { client }, admin } = books;
    const ids = { ann: await generateOnce(ledger, { client: 'ann' }, { cost: cost(5n) }), bob: await generateOnce(ledger, { client: 'bob' }, { cost: cost(7n) }) };
    for (const [me, other] of [['ann', 'bob'], ['bob', 'ann']] as const) {
      const token = own(books, me);
      expect((await call(client, Rpc.getGeneration, { generationId: ids[me] }, token)).response?.generation).toMatchObject({ generationId: ids[me], client: me });
      expect((await call(client, Rpc.getGeneration, { generationId: ids[other] }, token)).failure).toMatchObject({ code: status.NOT_FOUND, reason: 'GENERATION_NOT_FOUND' });
      expect(idsOf((await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({}), token)).response?.generations)).toEqual([ids[me]]);
      expect(idsOf(await exported(books, token))).toEqual([ids[me]]);
      expect((await call(client, Rpc.queryUsage, QueryUsageRequest.fromPartial({ groupBy: ['client'] }), token)).response?.rows.map(({ key }) => key)).toEqual([{ client: me }]);
      expect((await call(client, Rpc.getSummary, { timeZone: '' }, token)).response?.today?.cost?.expectedPicoUsd).toBe(me === 'ann' ? 5n : 7n);
    }
    expect((await call(client, Rpc.getSummary, { timeZone: '' }, admin)).response?.today?.cost?.expectedPicoUsd).toBe(12n);
  });

  it('says today, this month and where it is heading, by the days of the zone that is asked for', async () => {
    const books = await served();
    const { ledger, home, server: { client }, admin } = books;
    await generateOnce(ledger, {}, { cost: cost(3n * USD) });
    await ledger.import(generation({ settleTime: new Date(NOON - 13 * HOUR), cost: cost(USD) }));
    const summary = async (timeZone: string) => (await call(client, Rpc.getSummary, { timeZone }, admin)).response;
    expect(await summary('UTC')).toMatchObject({ today: { requestCount: 1n, cost: { expectedPicoUsd: 3n * USD } }, month: { requestCount: 2n, cost: { expectedPicoUsd: 4n * USD }, successRate: 1 } });
    // 22.5 of 30 days are gone.
    expect((await summary('UTC'))?.projectedMonth?.expectedPicoUsd).toBe((4n * USD * 30n * 10n + 224n) / 225n);
    // At noon of the 23rd by UTC it is the 23rd in the west, and the 24th already in the east.
    expect((await summary('America/Los_Angeles'))?.today?.requestCount).toBe(1n);
    expect((await summary('Pacific/Auckland'))?.days.at(-1)).toMatchObject({ key: { day: '2026-11-24' }, requestCount: 1n });
    home.clock.pass(13 * HOUR);
    expect((await summary('UTC'))?.today).toMatchObject({ requestCount: 0n, successRate: undefined });
  });

  it.each([
    ['getSummary', { timeZone: 'Mars/Olympus' }, 'time_zone'],
    ['queryUsage', QueryUsageRequest.fromPartial({ timeZone: 'Mars/Olympus', groupBy: ['day'] }), 'time_zone'],
    ['queryUsage', QueryUsageRequest.fromPartial({ groupBy: ['client', 'week'] }), 'group_by[1]'],
    ['queryUsage', QueryUsageRequest.fromPartial({ groupBy: ['label:'] }), 'group_by[0]'],
    ['queryUsage', QueryUsageRequest.fromPartial({ groupBy: Array.from({ length: 9 }, (_, at) => `label:${at}`) }), 'group_by'],
    ['listGenerations', ListGenerationsRequest.fromPartial({ pageToken: 'nonsense' }), 'page_token'],
    ['listGenerations', ListGenerationsRequest.fromPartial({ pageToken: Buffer.from('[1]').toString('base64url') }), 'page_token'],
  ] as const)('refuses a wrong %s (%#), naming the field', async (method, asked, field) => {
    const { server: { client }, admin } = await served();
    const { failure } = await call(client, Rpc[method] as Parameters<typeof call<unknown, unknown>>[1], asked, admin);
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID', fields: [field] });
  });

  it('pages through what stays, while others are settled, taken in and forgotten', async () => {
    const books = await served();
    const { ledger, home, server: { client }, admin } = books;
    for (let number = 0; number < 60; number++) await ledger.import(generation({ generationId: `g-${number}`, settleTime: new Date(NOON - 60 * DAY + number * DAY) }));
    const seen: string[] = [];
    let pageToken = '';
    let page = 0;
    do {
      const { response } = await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({ pageSize: 7, pageToken }), admin);
      seen.push(...idsOf(response?.generations));
      pageToken = response?.nextPageToken ?? '';
      home.clock.pass(1000);
      await generateOnce(ledger, { generationId: `new-${page}` });
      if (++page === 3) expect((await call(client, Rpc.clearUsage, { before: new Date(NOON - 50 * DAY) }, admin)).response?.clearedCount).toBe(10n);
    } while (pageToken !== '');
    expect(seen).toEqual(Array.from({ length: 50 }, (_, at) => `g-${59 - at}`));
  });

  it('tells who watches of each end, and lets go of who leaves', async () => {
    const books = await served();
    const { ledger, server, admin } = books;
    const watch = server.client.watchUsage({ filter: ListGenerationsRequest.fromPartial({ filter: { client: 'ann' } }).filter }, bearer(admin));
    const seen: string[] = [];
    const gone = Promise.withResolvers<ServiceError>();
    watch.on('data', ({ generation: settled }: WatchUsageResponse) => void seen.push(settled!.generationId)).on('error', gone.resolve);
    await once(watch, 'metadata');
    const open = await ledger.reserve(request({ client: 'ann' }));
    await generateOnce(ledger, { client: 'bob' });
    // A reservation is no end, and what is taken in is no news.
    await ledger.import(generation({ client: 'ann' }));
    expect(seen).toEqual([]);
    await open.settle(settlement());
    const id = await generateOnce(ledger, { client: 'ann' });
    await vi.waitFor(() => expect(seen).toHaveLength(2), SOON);
    expect(seen[1]).toBe(id);
    watch.cancel();
    expect(rpcFailure(await gone.promise).code).toBe(status.CANCELLED);
  });

  it('gives to another daemon what the first one has, once, and changes no quota by it', async () => {
    const limits = { tiers: { member: tier({ 'requests/month': 10n, 'tokens/month': 1000n }) } };
    const [from, into] = [await served(limits), await served(limits)];
    for (let number = 0; number < 5; number++) await generateOnce(from.ledger, { labels: { team: 'search' } }, { usage: { inputTokens: BigInt(number), reasoningOutputTokens: 0n }, cost: cost(number === 0 ? undefined : BigInt(number)) });
    const everything = await exported(from, from.admin);
    expect(everything).toHaveLength(5);
    expect(await imported(into, [...everything, ...everything])).toEqual({ importedCount: 5n, duplicateCount: 5n });
    expect(await imported(into, everything)).toEqual({ importedCount: 0n, duplicateCount: 5n });
    expect(await imported(from, everything)).toEqual({ importedCount: 0n, duplicateCount: 5n });
    const byId = (generations: readonly Generation[]): Generation[] => generations.toSorted((a, b) => (a.generationId < b.generationId ? -1 : 1));
    expect(byId(await exported(into, into.admin))).toEqual(byId(everything));
    const quota = async (books: Served) => (await call(books.server.client, Rpc.getQuota, { client: '' }, own(books, 'my-app'))).response?.windows.map(({ used }) => used);
    expect(await quota(into)).toEqual([0n, 0n]);
    const before = await quota(from);
    expect(before).toEqual([5n, 10n]);
    expect((await call(from.server.client, Rpc.clearUsage, { before: new Date(NOON + DAY) }, from.admin)).response?.clearedCount).toBe(5n);
    expect(await exported(from, from.admin)).toEqual([]);
    expect(await quota(from)).toEqual(before);
  });

  it('takes in a thousand at a time, and has them after a restart', async () => {
    const books = await served();
    const many = Array.from({ length: 1000 }, (_, at) => generation({ generationId: `g-${at}`, settleTime: new Date(NOON - at * 1000), labels: { filler: 'x'.repeat(200) } }));
    expect(await imported(books, many)).toEqual({ importedCount: 1000n, duplicateCount: 0n });
    await books.close();
    const again = await served({}, books.home);
    expect(new Set(idsOf(await exported(again, again.admin))).size).toBe(1000);
    expect(await imported(again, many.slice(0, 10))).toEqual({ importedCount: 0n, duplicateCount: 10n });
  });

  it("tells a client's quota, what running calls hold, and what would allow more", async () => {
    const books = await served({ tiers: { member: tier({ 'requests/day': 2n }), pro: tier({}) }, upgradeUrl: 'https://example.invalid/up' });
    const { ledger, server: { client }, admin } = books;
    await generateOnce(ledger);
    const open = await ledger.reserve(request());
    const token = own(books, 'my-app');
    const mine = (await call(client, Rpc.getQuota, { client: '' }, token)).response;
    expect(mine).toMatchObject({ tier: 'member', windows: [{ unit: 'requests', limit: 2n, used: 1n, reserved: 1n, resetsAt: new Date(NOON + 12 * HOUR) }], upgrade: { tierThatWouldAllow: 'pro', url: 'https://example.invalid/up' } });
    // The tier that its own calls named.
    expect((await call(client, Rpc.getQuota, { client: 'my-app' }, admin)).response).toEqual(mine);
    await open.void('nobody was called');
    expect((await call(client, Rpc.getQuota, { client: '' }, token)).response?.windows).toMatchObject([{ used: 1n, reserved: 0n }]);
  });
});
