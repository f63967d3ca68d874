import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { connect, Cost_Provenance, type Tollgate, TollgateError } from '../../src/clients/typescript/index.ts';
import { Failure } from '../../src/daemon/failure.ts';
import { readEnvironment } from '../../src/environment.ts';
import { memoryBook, type MemoryBook } from '../daemon/usage/memory-book.ts';
import { type UsageServer, usageServer } from '../daemon/usage/usage-server.ts';
import { temporaryHome } from '../daemon/test-daemon.ts';

/** On a busy machine. */
const SOON = { timeout: 10_000 };

async function connected({ address, token }: UsageServer, scopes: Parameters<UsageServer['token']>[1] = ['usage:admin']): Promise<Tollgate> {
  const tollgate = await connect({ address, token: token('app', scopes), environment: readEnvironment({ TOLLGATE_HOME: temporaryHome() }) });
  onTestFinished(() => tollgate.close());
  return tollgate;
}

function filled(count: number): MemoryBook {
  const book = memoryBook();
  for (let number = 0; number < count; number++) book.settle({ generationId: `g-${number}`, client: 'app', settleTime: new Date(number * 1000), cost: { expectedPicoUsd: 1n } });
  return book;
}

async function ids(generations: AsyncIterable<{ readonly generationId: string }>, most = Number.POSITIVE_INFINITY): Promise<string[]> {
  const found: string[] = [];
  for await (const { generationId } of generations) if (found.push(generationId) >= most) break;
  return found;
}

describe("the client's usage", () => {
  it('lists page after page, as far as it is read', async () => {
    const book = filled(250);
    let pages = 0;
    const tollgate = await connected(await usageServer({ ...book, list: (...given) => (pages++, book.list(...given)) }));
    expect(await ids(tollgate.usage.list(), 3)).toEqual(['g-249', 'g-248', 'g-247']);
    expect(pages).toBe(1);
    expect(await ids(tollgate.usage.list())).toHaveLength(250);
    expect(pages).toBe(4);
    expect(await ids(tollgate.usage.list({ endTime: new Date(2000) }))).toEqual(['g-1', 'g-0']);
  });

  it('asks for sums, one generation, the quota and a price', async () => {
    const tollgate = await connected(await usageServer(filled(3)));
    expect((await tollgate.usage.summary()).month).toMatchObject({ requestCount: 3n, cost: { expectedPicoUsd: 3n } });
    expect((await tollgate.usage.query({ groupBy: ['client'] })).rows).toMatchObject([{ key: { client: 'app' }, requestCount: 3n }]);
    expect(await tollgate.usage.get('g-1')).toMatchObject({ generationId: 'g-1', settleTime: new Date(1000) });
    await expect(tollgate.usage.get('none')).rejects.toMatchObject({ reason: 'GENERATION_NOT_FOUND', code: 'NOT_FOUND' });
    expect((await tollgate.usage.quota()).windows).toMatchObject([{ unit: 'requests', limit: 50n }]);
    expect(await tollgate.usage.price('scripted/m')).toMatchObject({ provider: 'scripted', provenance: Cost_Provenance.FREE });
    expect(await tollgate.usage.clear(new Date(1000))).toBe(1n);
  });

  it('watches from the moment at which it says so, and leaves with the loop', async () => {
    const book = memoryBook();
    const tollgate = await connected(await usageServer(book));
    const seen = ids(tollgate.usage.watch({ client: 'app' }, { onReady: () => book.settle({ generationId: 'other' }, { generationId: 'mine', client: 'app' }) }), 1);
    expect(await seen).toEqual(['mine']);
    await vi.waitFor(() => expect(book.watching).toBe(0), SOON);
  });

  it('copies from one daemon into another, and counts nothing twice', async () => {
    const book = memoryBook();
    const [from, into] = [await connected(await usageServer(filled(200))), await connected(await usageServer(book))];
    expect(await into.usage.import(from.usage.export())).toEqual({ importedCount: 200n, duplicateCount: 0n });
    expect(await into.usage.import(from.usage.export({ startTime: new Date(100_000) }))).toEqual({ importedCount: 0n, duplicateCount: 100n });
    expect(book.settled).toHaveLength(200);
  });

  it('stops asking for generations when the daemon has answered, and when they fail', async () => {
    const book = memoryBook();
    const refusing: MemoryBook = { ...book, import: async () => { throw new Failure('JOURNAL_UNAVAILABLE', 'the disk is full'); } };
    const tollgate = await connected(await usageServer(refusing));
    const left = Promise.withResolvers<void>();
    async function* endless() {
      try {
        for (let given = 0; ; given++) {
          yield { generationId: `g-${given}`, client: 'app', startTime: new Date(), settleTime: new Date() };
          await new Promise(setImmediate);
        }
      } finally {
        left.resolve();
      }
    }
    await expect(tollgate.usage.import(endless())).rejects.toMatchObject({ reason: 'JOURNAL_UNAVAILABLE' });
    await left.promise;
    const broken = new Error('the file ends in the middle');
    async function* cut() {
      yield { generationId: 'g', client: 'app', startTime: new Date(), settleTime: new Date() };
      throw broken;
    }
    await expect((await connected(await usageServer(book))).usage.import(cut())).rejects.toBe(broken);
  });

  it('ends a call with its signal', async () => {
    const tollgate = await connected(await usageServer(filled(1)));
    const controller = new AbortController();
    const watching = ids(tollgate.usage.watch({}, { signal: controller.signal, onReady: () => controller.abort('enough') }));
    await expect(watching).rejects.toBeInstanceOf(TollgateError);
    await expect(watching).rejects.toMatchObject({ reason: 'CANCELLED', cause: 'enough' });
    const importing = new AbortController();
    const pending = tollgate.usage.import((async function* slow() {
      importing.abort('enough');
      yield { generationId: 'g', client: 'app', startTime: new Date(), settleTime: new Date() };
      await new Promise(() => undefined);
    })(), { signal: importing.signal });
    await expect(pending).rejects.toMatchObject({ reason: 'CANCELLED', cause: 'enough' });
  });

  it('refuses what the token does not allow', async () => {
    const tollgate = await connected(await usageServer(filled(1)), ['usage:read']);
    await expect(tollgate.usage.query({ filter: { client: 'other' } })).rejects.toMatchObject({ reason: 'SCOPE_MISSING', metadata: { scope: 'usage:admin' } });
    await expect(ids(tollgate.usage.export({ client: 'other' }))).rejects.toMatchObject({ reason: 'SCOPE_MISSING' });
    await expect(tollgate.usage.import([])).rejects.toMatchObject({ reason: 'SCOPE_MISSING' });
  });
});
