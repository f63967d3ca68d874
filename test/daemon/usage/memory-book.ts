import { on, EventEmitter } from 'node:events';
import { Failure, invalidRequest } from '../../../src/daemon/failure.ts';
import type { UsageBook, Who } from '../../../src/daemon/usage/usage-book.ts';
import { Cost_Provenance } from '../../../src/gen/tollgate/v1/content.ts';
import { Generation, Summary, type UsageFilter, type UsageRow } from '../../../src/gen/tollgate/v1/usage_service.ts';

type Partial = Parameters<typeof Generation.fromPartial>[0];

export interface MemoryBook extends UsageBook {
  /** As if the ledger had settled it. */
  settle(...generations: readonly Partial[]): void;
  /** Watches that run. */
  readonly watching: number;
  readonly settled: readonly Generation[];
}

const order = ({ settleTime, generationId }: Generation): string => `${String(settleTime!.getTime()).padStart(16, '0')} ${generationId}`;

const fits = (generation: Generation, filter: UsageFilter | undefined, who: Who): boolean =>
  (who === 'everybody' || generation.client === who.client) &&
  (filter === undefined ||
    ([['client', generation.client], ['provider', generation.provider], ['model', generation.responseModel]] as const).every(([field, value]) => filter[field] === '' || filter[field] === value) &&
    Object.entries(filter.labels).every(([name, value]) => generation.labels[name] === value) &&
    (filter.startTime === undefined || generation.settleTime! >= filter.startTime) &&
    (filter.endTime === undefined || generation.settleTime! < filter.endTime));

function sumOf(key: Record<string, string>, generations: readonly Generation[]): UsageRow {
  const known = generations.flatMap(({ cost }) => (cost?.expectedPicoUsd === undefined ? [] : [cost.expectedPicoUsd]));
  return {
    key, requestCount: BigInt(generations.length), errorCount: BigInt(generations.filter(({ statusReason }) => statusReason !== '').length), usage: undefined,
    cost: { expectedPicoUsd: known.reduce((sum, cost) => sum + cost, 0n), provenance: Cost_Provenance.PRICED, priceVersion: '' }, unknownCostCount: BigInt(generations.length - known.length),
  };
}

/** A book in memory: what the service does with a book can be seen without a disk. */
export function memoryBook(): MemoryBook {
  let settled: Generation[] = [];
  const news = new EventEmitter().setMaxListeners(0);
  const sorted = (): Generation[] => settled.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
  const add = (generation: Generation): boolean => {
    if (settled.some(({ generationId }) => generationId === generation.generationId)) return false;
    settled.push(generation);
    return true;
  };
  return {
    settle(...generations) {
      for (const fields of generations) {
        const generation = Generation.fromPartial({ client: 'a', startTime: new Date(), settleTime: new Date(), ...fields });
        if (add(generation)) news.emit('settled', generation);
      }
    },
    get watching() {
      return news.listenerCount('settled');
    },
    get settled() {
      return settled;
    },
    summary: async (timeZone, who) => {
      if (timeZone !== '' && timeZone !== 'UTC') throw invalidRequest([{ field: 'time_zone', description: 'is no time zone' }]);
      const mine = settled.filter((generation) => fits(generation, undefined, who));
      const grouped = (keyOf: (generation: Generation) => Record<string, string>): UsageRow[] =>
        [...Map.groupBy(mine, (generation) => JSON.stringify(keyOf(generation)))].map(([key, some]) => sumOf(JSON.parse(key) as Record<string, string>, some));
      const { requestCount, errorCount, cost } = sumOf({}, mine);
      const sum = Summary.fromPartial({
        requestCount, cost, successRate: mine.length === 0 ? undefined : 1 - Number(errorCount) / mine.length, inputTokens: mine.reduce((tokens, { usage }) => tokens + (usage?.inputTokens ?? 0n), 0n),
        byProvider: grouped(({ provider }) => ({ provider })), byModel: grouped(({ provider, responseModel }) => ({ provider, model: responseModel })),
      });
      return { today: sum, month: sum, projectedMonth: undefined, days: grouped(({ settleTime }) => ({ day: settleTime!.toISOString().slice(0, 10) })) };
    },
    query: async ({ groupBy, filter }, who) => {
      const groups = Map.groupBy(settled.filter((generation) => fits(generation, filter, who)), ({ client, provider, responseModel, labels }) =>
        JSON.stringify(Object.fromEntries(groupBy.map((name) => [name, { client, provider, model: responseModel }[name] ?? labels[name.slice('label:'.length)] ?? '']))));
      return { rows: [...groups].map(([key, generations]) => sumOf(JSON.parse(key) as Record<string, string>, generations)), truncated: false };
    },
    list: async (filter, { size, token }, who) => {
      const before = Buffer.from(token, 'base64url').toString();
      if (token !== '' && !/^\d{16} /.test(before)) throw invalidRequest([{ field: 'page_token', description: 'is none of ours' }]);
      const rest = sorted().toReversed().filter((generation) => fits(generation, filter, who) && (token === '' || order(generation) < before));
      const last = rest[size - 1];
      return { generations: rest.slice(0, size), nextPageToken: rest.length > size && last !== undefined ? Buffer.from(order(last)).toString('base64url') : '' };
    },
    get: async (generationId, who) => settled.find((generation) => generation.generationId === generationId && fits(generation, undefined, who)),
    async *watch(filter, who, signal) {
      let behind = 0;
      const count = (): void => void behind++;
      news.on('settled', count);
      try {
        for await (const [generation] of on(news, 'settled', { signal }) as AsyncIterable<[Generation]>) {
          if (behind-- > 1000) throw new Failure('DAEMON_OVERLOADED', 'the reader is 1,000 behind');
          if (fits(generation, filter, who)) yield generation;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        news.off('settled', count);
      }
    },
    async *export(filter, who, signal) {
      for (const generation of sorted()) {
        if (signal.aborted) return;
        if (fits(generation, filter, who)) yield generation;
      }
    },
    import: async (generation) => (add(generation) ? 'imported' : 'duplicate'),
    clear: async (before) => {
      const kept = settled.filter(({ settleTime }) => settleTime! >= before);
      const cleared = settled.length - kept.length;
      settled = kept;
      return cleared;
    },
    quota: (_client, tier) => ({ tier: tier ?? 'free', windows: [{ name: 'requests per month', unit: 'requests', limit: 50n, used: 12n, reserved: 1n, resetsAt: new Date('2027-01-01T00:00:00Z') }], upgrade: undefined }),
  };
}
