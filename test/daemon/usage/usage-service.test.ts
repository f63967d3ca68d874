import { once } from 'node:events';
import { status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { scriptedProvider } from '../scripted-provider.ts';
import { bearer, rpcFailure } from '../test-daemon.ts';
import { ClearUsageRequest, type ExportUsageResponse, type Generation, GetPriceRequest, ListGenerationsRequest, QueryUsageRequest, UsageServiceService as Rpc, type WatchUsageResponse } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { Cost_Provenance } from '../../../src/gen/tollgate/v1/content.ts';
import { priceBook } from '../../../src/daemon/usage/prices/price-book.ts';
import { memoryBook, type MemoryBook } from './memory-book.ts';
import { call, usageServer, type UsageServer } from './usage-server.ts';

/** On a busy machine. */
const SOON = { timeout: 10_000 };

const OWN = ['usage:read'] as const;
const ALL = ['usage:admin'] as const;

/** Two clients, each with a generation. */
async function twoClients(): Promise<{ server: UsageServer; book: MemoryBook; ann: string; bob: string; admin: string }> {
  const book = memoryBook();
  book.settle({ generationId: 'of-ann', client: 'ann', cost: { expectedPicoUsd: 5n } }, { generationId: 'of-bob', client: 'bob', cost: { expectedPicoUsd: 7n } });
  const server = await usageServer(book);
  return { server, book, ann: server.token('ann', OWN), bob: server.token('bob', OWN), admin: server.token('ops', ALL) };
}

const idsOf = (generations: readonly Generation[] = []): string[] => generations.map(({ generationId }) => generationId);

async function exported({ client }: UsageServer, token: string, filter = {}): Promise<string[]> {
  const stream = client.exportUsage({ filter: ListGenerationsRequest.fromPartial({ filter }).filter }, bearer(token));
  const ids: string[] = [];
  for await (const { generation } of stream as AsyncIterable<ExportUsageResponse>) ids.push(generation!.generationId);
  return ids;
}

/** The failure of a stream that fails before anything comes. */
const streamFailure = async (stream: { on(event: 'error', listener: (error: ServiceError) => void): unknown; resume(): unknown }): Promise<ReturnType<typeof rpcFailure>> => {
  const failed = Promise.withResolvers<ServiceError>();
  stream.on('error', failed.resolve);
  stream.resume();
  return rpcFailure(await failed.promise);
};

describe('whose usage a caller sees', () => {
  it('is its own with usage:read, whatever id it asks for', async () => {
    const { server: { client }, ann, bob, admin } = await twoClients();
    const get = (generationId: string, token: string) => call(client, Rpc.getGeneration, { generationId }, token);
    expect((await get('of-ann', ann)).response?.generation).toMatchObject({ generationId: 'of-ann', client: 'ann' });
    for (const [id, token] of [['of-bob', ann], ['of-ann', bob], ['nobodys', ann]] as const) {
      expect((await get(id, token)).failure).toMatchObject({ code: status.NOT_FOUND, reason: 'GENERATION_NOT_FOUND', metadata: { generation_id: id } });
    }
    // Nothing tells another's id from none.
    const others = (await get('of-bob', ann)).failure?.message.replace('of-bob', '?');
    expect(others).toBe((await get('nobodys', ann)).failure?.message.replace('nobodys', '?'));
    expect((await get('of-bob', admin)).response?.generation?.client).toBe('bob');
  });

  it('is its own in lists, exports, sums and the summary', async () => {
    const { server, ann, bob, admin } = await twoClients();
    const { client } = server;
    for (const [token, ids, cost] of [[ann, ['of-ann'], 5n], [bob, ['of-bob'], 7n], [admin, ['of-ann', 'of-bob'], 12n]] as const) {
      const list = await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({}), token);
      expect(idsOf(list.response?.generations).toSorted()).toEqual(ids);
      expect((await exported(server, token)).toSorted()).toEqual(ids);
      const query = await call(client, Rpc.queryUsage, QueryUsageRequest.fromPartial({}), token);
      expect(query.response?.rows.map((row) => row.cost?.expectedPicoUsd)).toEqual([cost]);
      const summary = await call(client, Rpc.getSummary, { timeZone: '' }, token);
      expect(summary.response?.month?.cost?.expectedPicoUsd).toBe(cost);
    }
  });

  it('is refused when it asks for another client by name', async () => {
    const { server: { client }, ann, admin } = await twoClients();
    const filter = ListGenerationsRequest.fromPartial({ filter: { client: 'bob' } }).filter;
    const refused = { code: status.PERMISSION_DENIED, reason: 'SCOPE_MISSING', metadata: { scope: 'usage:admin', client: 'ann' } };
    expect((await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({ filter }), ann)).failure).toMatchObject(refused);
    expect((await call(client, Rpc.queryUsage, QueryUsageRequest.fromPartial({ filter }), ann)).failure).toMatchObject(refused);
    expect((await call(client, Rpc.getQuota, { client: 'bob' }, ann)).failure).toMatchObject(refused);
    expect(await streamFailure(client.exportUsage({ filter }, bearer(ann)))).toMatchObject(refused);
    expect(await streamFailure(client.watchUsage({ filter }, bearer(ann)))).toMatchObject(refused);
    expect((await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({ filter: { client: 'ann' } }), ann)).response?.generations).toHaveLength(1);
    expect(idsOf((await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({ filter }), admin)).response?.generations)).toEqual(['of-bob']);
  });

  it('ends where no usage scope was given', async () => {
    const { server: { client, token } } = await twoClients();
    const generating = token('ann', ['generate', 'admin', 'keys']);
    expect((await call(client, Rpc.getSummary, { timeZone: '' }, generating)).failure?.reason).toBe('SCOPE_MISSING');
    expect((await call(client, Rpc.clearUsage, { before: new Date() }, token('ann', OWN))).failure).toMatchObject({ reason: 'SCOPE_MISSING', metadata: { scope: 'usage:admin' } });
  });
});

describe('ListGenerations', () => {
  it('skips and repeats nothing that stays, while others come and go between the pages', async () => {
    const book = memoryBook();
    const at = (minute: number): Date => new Date(Date.UTC(2026, 10, 1, 0, minute));
    for (let minute = 0; minute < 50; minute++) book.settle({ generationId: `g-${minute}`, settleTime: at(minute) });
    const { client, token } = await usageServer(book);
    const admin = token('ops', ALL);
    const ids: string[] = [];
    let pageToken = '';
    let pages = 0;
    do {
      const { response } = await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({ pageSize: 7, pageToken }), admin);
      ids.push(...idsOf(response?.generations));
      pageToken = response?.nextPageToken ?? '';
      book.settle({ generationId: `new-${pages++}`, settleTime: at(100 + pages) });
      if (pages === 3) await book.clear(at(10));
    } while (pageToken !== '');
    expect(ids).toEqual(Array.from({ length: 40 }, (_, index) => `g-${49 - index}`));
  });

  it('gives 100 when no size is asked for, and fewer when they would be over 1 MiB', async () => {
    const book = memoryBook();
    const attempts = Array.from({ length: 16 }, () => ({ message: 'm'.repeat(2000) }));
    for (let number = 0; number < 150; number++) book.settle({ generationId: `g-${String(number).padStart(3, '0')}`, attempts, settleTime: new Date(number * 1000) });
    const { client, token } = await usageServer(book);
    const admin = token('ops', ALL);
    const ids: string[] = [];
    let pageToken = '';
    let first: number | undefined;
    do {
      const { response } = await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({ pageToken }), admin);
      first ??= response?.generations.length;
      ids.push(...idsOf(response?.generations));
      pageToken = response?.nextPageToken ?? '';
    } while (pageToken !== '');
    expect(first).toBe(25);
    expect(ids).toHaveLength(150);
    expect(new Set(ids).size).toBe(150);
  });
});

describe('a wrong request', () => {
  const far = new Date(8.64e15);
  it.each([
    ['listGenerations', { pageSize: -1 }, 'page_size'],
    ['listGenerations', { pageSize: 1001 }, 'page_size'],
    ['listGenerations', { pageToken: 'nonsense' }, 'page_token'],
    ['listGenerations', { filter: { startTime: far } }, 'filter.start_time'],
    ['listGenerations', { filter: { startTime: new Date(2000), endTime: new Date(1000) } }, 'filter.end_time'],
    ['listGenerations', { filter: { model: 'x'.repeat(513) } }, 'filter.model'],
    ['queryUsage', { endTime: far }, 'end_time'],
    ['queryUsage', { startTime: new Date(2000), endTime: new Date(1000) }, 'end_time'],
    ['getGeneration', { generationId: '' }, 'generation_id'],
    ['getSummary', { timeZone: 'Mars/Olympus' }, 'time_zone'],
    ['getQuota', { client: 'a b' }, 'client'],
    ['getPrice', { model: '' }, 'model'],
    ['clearUsage', {}, 'before'],
    ['clearUsage', { before: far }, 'before'],
  ] as const)('%s %# is refused, naming its field', async (method, fields, field) => {
    const { client, token } = await usageServer(memoryBook());
    const types = { listGenerations: ListGenerationsRequest, queryUsage: QueryUsageRequest, clearUsage: ClearUsageRequest, getPrice: GetPriceRequest };
    const request: unknown = method in types ? types[method as keyof typeof types].fromPartial(fields as never) : fields;
    const { failure } = await call(client, Rpc[method] as Parameters<typeof call<unknown, unknown>>[1], request, token('ops', ALL));
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID', fields: [field] });
  });
});

describe('WatchUsage', () => {
  it('streams what is settled from the moment at which it answers, to each its own, until they leave', async () => {
    const { server: { client }, book, ann, admin } = await twoClients();
    const watches = [ann, admin].map((token) => client.watchUsage({ filter: undefined }, bearer(token)));
    const seen = watches.map(() => [] as string[]);
    for (const [at, watch] of watches.entries()) {
      watch.on('error', () => undefined).on('data', ({ generation }: WatchUsageResponse) => void seen[at]!.push(generation!.generationId));
      await once(watch, 'metadata');
    }
    book.settle({ generationId: 'new-1', client: 'ann' }, { generationId: 'new-2', client: 'bob' });
    book.settle({ generationId: 'new-3', client: 'ann' });
    await vi.waitFor(() => expect(seen).toEqual([['new-1', 'new-3'], ['new-1', 'new-2', 'new-3']]), SOON);
    expect(book.watching).toBeGreaterThan(0);
    for (const watch of watches) watch.cancel();
    await vi.waitFor(() => expect(book.watching).toBe(0), SOON);
  });

  it('holds no more for a reader that does not read than the book does, and tells it so', async () => {
    const book = memoryBook();
    const { client, token } = await usageServer(book);
    const watch = client.watchUsage({ filter: undefined }, bearer(token('ops', ALL)));
    await once(watch, 'metadata');
    const labels = { filler: 'x'.repeat(250) };
    for (let number = 0; number < 4000; number++) book.settle({ generationId: `g-${number}`, labels });
    // The reader begins only now: it is told that it missed something instead of being shown a gap.
    const failed = streamFailure(watch);
    book.settle({ generationId: 'last' });
    expect(await failed).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: 'DAEMON_OVERLOADED' });
    await vi.waitFor(() => expect(book.watching).toBe(0), SOON);
  });

  it('ends when the token does', async () => {
    const book = memoryBook();
    const { client, token } = await usageServer(book);
    // A minute's token of 86 s ago: of the 30 s of leeway, 4 are left.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 86_000 });
    const old = token('ops', ALL, { ttlS: 60 });
    vi.useRealTimers();
    const watch = client.watchUsage({ filter: undefined }, bearer(old));
    await once(watch, 'metadata');
    expect(await streamFailure(watch)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'TOKEN_EXPIRED' });
    expect(book.watching).toBe(0);
  });

  it('does not hold up a daemon that stops', async () => {
    const server = await usageServer(memoryBook());
    const watch = server.client.watchUsage({ filter: undefined }, bearer(server.token('ops', ALL)));
    await once(watch, 'metadata');
    server.drain();
    expect(await streamFailure(watch)).toMatchObject({ code: status.UNAVAILABLE, reason: 'SHUTTING_DOWN' });
  });
});

describe('ExportUsage', () => {
  it('reads the book only as fast as its reader, and not beyond its leaving', async () => {
    const book = memoryBook();
    for (let number = 0; number < 5000; number++) book.settle({ generationId: `g-${String(number).padStart(4, '0')}`, labels: { filler: 'x'.repeat(250) }, settleTime: new Date(number) });
    let read = 0;
    const left = Promise.withResolvers<void>();
    const counting: MemoryBook = { ...book, export: async function* counted(...given) {
      try {
        for await (const generation of book.export(...given)) {
          read++;
          yield generation;
        }
      } finally {
        left.resolve();
      }
    } };
    const { client, token } = await usageServer(counting);
    const stream = client.exportUsage({ filter: undefined }, bearer(token('ops', ALL))).on('error', () => undefined);
    await once(stream, 'readable');
    const first: unknown = stream.read();
    expect(first).toMatchObject({ generation: { generationId: 'g-0000' } });
    let before = -1;
    // Until the windows between the two are full and nothing moves any more.
    await vi.waitFor(() => {
      const moved = read !== before;
      before = read;
      expect(moved).toBe(false);
    }, { ...SOON, interval: 50 });
    expect(read).toBeLessThan(2000);
    stream.cancel();
    await left.promise;
    expect(read).toBeLessThan(2000);
  });
});

describe('ClearUsage', () => {
  it('forgets what was settled before, and leaves a line in the log', async () => {
    const book = memoryBook();
    book.settle({ generationId: 'old', settleTime: new Date(1000) }, { generationId: 'new', settleTime: new Date(2000) });
    const { client, token, log } = await usageServer(book);
    expect((await call(client, Rpc.clearUsage, { before: new Date(2000) }, token('ops', ALL))).response).toEqual({ clearedCount: 1n });
    expect(idsOf(book.settled)).toEqual(['new']);
    expect(log.join('')).toContain('"cleared":1');
  });
});

describe('GetQuota', () => {
  it("tells the caller of its token's tier, and an admin of any client's", async () => {
    const { client, token } = await usageServer(memoryBook());
    const own = token('ann', OWN, { tier: 'member' });
    for (const name of ['', 'ann']) expect((await call(client, Rpc.getQuota, { client: name }, own)).response).toMatchObject({ tier: 'member', windows: [{ limit: 50n, used: 12n, reserved: 1n }] });
    // The tier of another is what its own calls said.
    expect((await call(client, Rpc.getQuota, { client: 'ann' }, token('ops', ALL, { tier: 'admin' }))).response?.tier).toBe('free');
  });
});

describe('GetPrice', () => {
  const paid = scriptedProvider('paid', async function* nothing() { yield* []; }, { isLocal: false, claims: ['^paid-'] });
  const local = scriptedProvider('local', async function* nothing() { yield* []; });
  const prices = priceBook({ 'paid/dear': { input: '3', output: '15.0000001', web_search: '0.01' } }, undefined);

  it('is what the list says, free on this machine, and unknown when nobody knows', async () => {
    const { client, token } = await usageServer(memoryBook(), prices, [paid, local]);
    const ask = async (model: string) => call(client, Rpc.getPrice, { model }, token('ann', OWN));
    expect((await ask('paid/dear')).response).toMatchObject({
      provider: 'paid', model: 'dear', provenance: Cost_Provenance.PRICED, priceVersion: 'config', listedAs: 'paid/dear',
      price: { inputPicoUsd: 3_000_000n, cacheReadPicoUsd: 3_000_000n, outputPicoUsd: 15_000_001n, audioInputPicoUsd: undefined, webSearchPicoUsd: 10_000_000_000n, requestPicoUsd: undefined, tierFromInputTokens: undefined },
    });
    expect((await ask('local/any')).response).toMatchObject({ provenance: Cost_Provenance.FREE, price: undefined });
    expect((await ask('paid-other')).response).toMatchObject({ provider: 'paid', model: 'paid-other', provenance: Cost_Provenance.UNKNOWN, price: undefined, priceVersion: '' });
    expect((await ask('nobody/knows')).failure).toMatchObject({ code: status.NOT_FOUND, reason: 'PROVIDER_NOT_FOUND' });
  });
});
