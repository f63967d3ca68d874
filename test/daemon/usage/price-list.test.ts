import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { REMOTE_DATA_JSON_URL } from '@pydantic/genai-prices';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_CONFIG } from '../../../src/daemon/config/config.ts';
import { bundledPriceList } from '../../../src/daemon/usage/prices/bundled-price-list.ts';
import { Cost_Provenance, FinishReason } from '../../../src/gen/tollgate/v1/content.ts';
import { ListGenerationsRequest, PriceList_Source, UpdatePriceListRequest, UsageServiceClient, UsageServiceService as Rpc, type Generation, type PriceList } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { finish, started } from '../../../src/plugins/provider.ts';
import { mockUpstream, refusingUrl, type MockUpstream } from '../../mock-upstream.ts';
import { adminDaemon, type AdminDaemon } from '../admin-daemon.ts';
import { say, scriptedProvider } from '../scripted-provider.ts';
import { ask, bearer, generate, type RpcFailure } from '../test-daemon.ts';
import { modelOf, publishedList, type ListedProvider } from './price-list-data.ts';
import { call } from './usage-server.ts';

/** OpenAI, as the price list knows it: 1,000 tokens in, 1,000 out. */
const openai = scriptedProvider(
  'openai',
  async function* answer() {
    yield started();
    yield say('hello');
    yield finish({ finishReason: FinishReason.STOP, rawFinishReason: 'stop', responseModel: 'gpt-4o', usage: { inputTokens: 1000n, outputTokens: 1000n }, providerRequestId: '' });
  },
  { isLocal: false },
);

const SHIPPED = (await bundledPriceList()).version;

const costAt = (dollars: number): bigint => BigInt(dollars * 1e6) * 2000n;
const asked = ask({ model: 'openai/gpt-4o' });

interface Priced {
  readonly daemon: AdminDaemon;
  readonly list: () => Promise<PriceList>;
  readonly update: (request?: Parameters<typeof UpdatePriceListRequest.fromPartial>[0]) => Promise<{ readonly list?: PriceList | undefined; readonly previous?: PriceList | undefined; readonly failure?: RpcFailure | undefined }>;
  readonly reset: () => Promise<PriceList | undefined>;
  /** What one more generation cost. */
  readonly cost: () => Promise<Generation['cost']>;
}

function pricedBy(daemon: AdminDaemon): Priced {
  const client = new UsageServiceClient(daemon.daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => client.close());
  return {
    daemon,
    async list() {
      const { response, failure } = await call(client, Rpc.getPriceList, {}, daemon.adminToken);
      if (response?.priceList === undefined) throw new Error(failure?.message);
      return response.priceList;
    },
    async update(request = { fetch: true }) {
      const { response, failure } = await call(client, Rpc.updatePriceList, UpdatePriceListRequest.fromPartial(request), daemon.adminToken);
      return { list: response?.priceList, previous: response?.previous, failure };
    },
    reset: async () => (await call(client, Rpc.resetPriceList, {}, daemon.adminToken)).response?.priceList,
    async cost() {
      const { events, failure } = await generate(daemon, asked);
      const last = events.at(-1)?.event;
      if (last?.$case !== 'finish') throw new Error(failure?.message);
      return last.value.cost;
    },
  };
}

interface Scene extends Priced {
  readonly upstream: MockUpstream;
}

/** A daemon whose list is published by us. */
async function scene(): Promise<Scene> {
  const upstream = await mockUpstream();
  onTestFinished(() => upstream.close());
  const daemon = await adminDaemon({ providers: [openai], config: { price_list_url: `${upstream.url}/data.json` } });
  return { ...pricedBy(daemon), upstream };
}

const storedAt = ({ daemon }: Priced): string => daemon.environment.home.pricesFile;
const data = (text: string): Buffer => Buffer.from(text);

describe('the price list', () => {
  it('is the one that ships, and is published where its own package looks', async () => {
    const { list, daemon } = await scene();
    expect(await list()).toMatchObject({ version: SHIPPED, source: PriceList_Source.BUNDLED, url: '', sha256: '', updateTime: new Date('2026-09-23T10:11:04Z') });
    expect(existsSync(daemon.environment.home.pricesFile)).toBe(false);
    expect(DEFAULT_CONFIG.priceListUrl).toBe(REMOTE_DATA_JSON_URL);
  });

  it('is fetched once when somebody asks for it, and never by itself', async () => {
    const before = await scene();
    const { upstream } = before;
    upstream.answer({ body: await publishedList(3) });
    await before.cost();
    await before.list();
    await before.reset();
    await before.update({ data: data(await publishedList(4)) });
    const after = pricedBy(await before.daemon.restart());
    await after.cost();
    expect(upstream.requests).toHaveLength(0);
    await after.update();
    expect(upstream.requests.map(({ method, path }) => [method, path])).toEqual([['GET', '/data.json']]);
    await after.cost();
    await pricedBy(await after.daemon.restart()).cost();
    expect(upstream.requests).toHaveLength(1);
  });

  it('is in use at once, names itself in every cost, and is there after a restart', async () => {
    const { upstream, update, cost, daemon } = await scene();
    const shipped = await cost();
    expect(shipped).toMatchObject({ provenance: Cost_Provenance.PRICED, priceVersion: SHIPPED });
    const text = await publishedList(3);
    upstream.answer({ body: text });
    const { list, previous } = await update();
    const sha256 = createHash('sha256').update(text).digest('hex');
    const version = `genai-prices ${list?.updateTime?.toISOString().slice(0, 10)} sha:${sha256.slice(0, 12)}`;
    expect(list).toMatchObject({ version, source: PriceList_Source.FETCHED, url: `${upstream.url}/data.json`, sha256, providerCount: previous?.providerCount, modelCount: previous?.modelCount });
    expect(previous?.version).toBe(SHIPPED);
    expect(await cost()).toMatchObject({ expectedPicoUsd: costAt(3), priceVersion: version });
    expect(statSync(daemon.environment.home.pricesFile).mode & 0o777).toBe(0o600);
    const again = pricedBy(await daemon.restart());
    expect(await again.list()).toEqual(list);
    expect(await again.cost()).toMatchObject({ expectedPicoUsd: costAt(3), priceVersion: version });
  });

  it('leaves what was recorded at the cost of its own list', async () => {
    const { cost, update, daemon } = await scene();
    const first = await cost();
    await update({ data: data(await publishedList(9)) });
    const second = await cost();
    const client = new UsageServiceClient(daemon.daemon.grpc ?? '', credentials.createInsecure());
    onTestFinished(() => client.close());
    const { response } = await call(client, Rpc.listGenerations, ListGenerationsRequest.fromPartial({}), daemon.adminToken);
    expect(response?.generations.map((generation) => generation.cost)).toEqual([second, first]);
    expect(second?.expectedPicoUsd).not.toBe(first?.expectedPicoUsd);
  });

  it('stays as it is when the same bytes come again', async () => {
    const { upstream, update } = await scene();
    upstream.answer({ body: await publishedList(3) });
    const { list } = await update();
    const again = await update();
    expect(again.list).toEqual(list);
    expect(again.previous).toEqual(list);
  });

  it('goes back to the one that ships, for good', async () => {
    const priced = await scene();
    await priced.update({ data: data(await publishedList(3)) });
    expect(await priced.reset()).toMatchObject({ version: SHIPPED });
    expect(existsSync(storedAt(priced))).toBe(false);
    expect((await priced.cost())?.priceVersion).toBe(SHIPPED);
    expect(await pricedBy(await priced.daemon.restart()).list()).toMatchObject({ source: PriceList_Source.BUNDLED });
  });

  it('is one list for everybody at every moment, under load', { timeout: 30_000 }, async () => {
    const { update, reset, cost } = await scene();
    const texts = await Promise.all([2, 3, 4].map((dollars) => publishedList(dollars)));
    const dollarsOf = new Map<string, number>();
    const shipped = await cost();
    const over = new AbortController();
    const costs: Generation['cost'][] = [];
    const load = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) costs.push(await cost());
    });
    for (let round = 0; round < 6; round++) {
      const { list, failure } = await update({ data: data(texts[round % 3] ?? '') });
      expect(failure).toBeUndefined();
      dollarsOf.set(list?.version ?? '', 2 + (round % 3));
      expect(await cost()).toMatchObject({ expectedPicoUsd: costAt(2 + (round % 3)), priceVersion: list?.version });
      if (round === 3) await reset();
    }
    over.abort();
    await Promise.all(load);
    expect(costs.length).toBeGreaterThan(20);
    for (const each of costs) {
      const dollars = dollarsOf.get(each?.priceVersion ?? '');
      expect(each).toMatchObject(dollars === undefined ? { expectedPicoUsd: shipped?.expectedPicoUsd, priceVersion: SHIPPED } : { expectedPicoUsd: costAt(dollars) });
    }
  });
});

describe('a price list that is wrong', () => {
  const broken: readonly (readonly [string, string | ((providers: ListedProvider[]) => void), RegExp])[] = [
    ['is no JSON', '<html>', /it is not JSON/],
    ['is empty', '[]', /it is empty/],
    ['is no list', '{}', /it is not a list of providers/],
    ['has no models', '[{"id":"openai","models":[]}]', /it has no model/],
    ['is nested without end', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, /object/],
    ['has a negative price', (providers) => (modelOf(providers, 'gpt-4o').prices = { input_mtok: -1 }), /openai \/ gpt-4o.*never negative/],
    ['has an absurd price', (providers) => (modelOf(providers, 'gpt-4o').prices = { input_mtok: 1e9 }), /openai \/ gpt-4o.*100000 dollars/],
    ['has a price in words', (providers) => (modelOf(providers, 'gpt-4o').prices = { input_mtok: 'free' }), /openai \/ gpt-4o.*prices/],
    ['has a time that is none', (providers) => (modelOf(providers, 'gpt-4o').prices = [{ constraint: { start_date: 'soon' }, prices: { input_mtok: 1 } }]), /openai \/ gpt-4o/],
    ['has a rule that nobody knows', (providers) => (modelOf(providers, 'gpt-4o').match = { sounds_like: 'gpt' }), /rule for names/],
    ['has a pattern that takes for ever', (providers) => (modelOf(providers, 'gpt-4o').match = { regex: '^(a+)+$' }), /repeated groups/],
    ['has a provider twice', (providers) => providers.push(structuredClone(providers[0]!)), /twice/],
    ['is far shorter than the one that ships', (providers) => providers.splice(0, providers.length - 10), /10 providers, the list that ships has \d+ of 43.*--allow-fewer/],
  ];

  it('changes nothing, and its place is named, for whoever gave it', { timeout: 30_000 }, async () => {
    const priced = await scene();
    for (const [what, list, words] of broken) {
      const text = typeof list === 'string' ? list : await publishedList(3, list);
      const { failure } = await priced.update({ data: data(text) });
      expect([failure?.code, failure?.reason, failure?.fields, failure?.message], what).toEqual([status.INVALID_ARGUMENT, 'REQUEST_INVALID', ['data'], expect.stringMatching(words)]);
    }
    expect(await priced.list()).toMatchObject({ source: PriceList_Source.BUNDLED });
    expect(existsSync(storedAt(priced))).toBe(false);
  });

  it('is none at all: then nothing is fetched either', async () => {
    const { update, upstream } = await scene();
    for (const request of [{}, { fetch: true, data: data('[]') }]) expect((await update(request)).failure).toMatchObject({ reason: 'REQUEST_INVALID', message: expect.stringContaining('either fetch or data') });
    expect(upstream.requests).toHaveLength(0);
  });

  it('may be a short one when that is meant', async () => {
    const { update, cost } = await scene();
    const short = await publishedList(7, (providers) => void providers.splice(0, providers.length, ...providers.filter(({ id }) => id === 'openai')));
    expect((await update({ data: data(short), allowFewer: true })).list).toMatchObject({ providerCount: 1n });
    expect((await cost())?.expectedPicoUsd).toBe(costAt(7));
  });

  it('is told to come from the address when it was fetched there', async () => {
    const { upstream, update, list } = await scene();
    const url = `${upstream.url}/data.json`;
    const answers = [
      [{ status: 404, body: 'not here' }, /HTTP 404/],
      [{ status: 302, headers: { location: 'http://127.0.0.1:1/other' } }, /HTTP 302; redirects are not followed/],
      [{ body: '[]' }, /cannot be used as a price list: it is empty/],
      [{ body: ['[{"id":'], ending: 'cut' }, /broke before the end/],
      [{ body: Buffer.alloc(17 * 1024 * 1024, ' ') }, /longer than 16777216 bytes/],
    ] as const;
    for (const [answer, words] of answers) {
      upstream.answer(answer);
      const { failure } = await update();
      expect([failure?.code, failure?.reason, failure?.message]).toEqual([status.UNAVAILABLE, 'PRICE_LIST_UNAVAILABLE', expect.stringMatching(words)]);
      expect(failure?.message).toContain(url);
      expect(failure?.message).toContain('Nothing has changed');
    }
    expect(upstream.requests).toHaveLength(answers.length);
    expect(await list()).toMatchObject({ source: PriceList_Source.BUNDLED });
  });

  it('is one that nobody sends', async () => {
    const daemon = await adminDaemon({ providers: [openai], config: { price_list_url: `${await refusingUrl()}/data.json` } });
    expect((await pricedBy(daemon).update()).failure).toMatchObject({ reason: 'PRICE_LIST_UNAVAILABLE', message: expect.stringMatching(/cannot reach 127\.0\.0\.1:\d+ \(ECONNREFUSED\).*--file/) });
  });

  it('is fetched no further when whoever asked for it goes away', async () => {
    const { upstream, daemon } = await scene();
    upstream.answer({ silent: true });
    const client = new UsageServiceClient(daemon.daemon.grpc ?? '', credentials.createInsecure());
    onTestFinished(() => client.close());
    const running = client.updatePriceList(UpdatePriceListRequest.fromPartial({ fetch: true }), bearer(daemon.adminToken), () => {});
    const request = await upstream.nextRequest();
    running.cancel();
    expect(await request.closed).toBe('aborted');
  });
});

describe('a stored price list', () => {
  const damages: readonly (readonly [string, (path: string) => void])[] = [
    ['is cut off', (path) => writeFileSync(path, readFileSync(path).subarray(0, -100))],
    ['has another price than it came with', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"input_mtok": 3,', '"input_mtok": 2,'))],
    ['is empty', (path) => writeFileSync(path, '')],
    ['is for others to read', (path) => chmodSync(path, 0o644)],
    ['is a directory', (path) => {
      rmSync(path);
      mkdirSync(path);
    }],
    ['is of a newer version', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"version": 1', '"version": 2'))],
  ];

  it.each(damages)('that %s is put aside with a warning, and the one that ships counts', async (_what, damage) => {
    const priced = await scene();
    await priced.update({ data: data(await publishedList(3)) });
    const path = storedAt(priced);
    await priced.daemon.daemon.close(true);
    damage(path);
    const after = pricedBy(await priced.daemon.restart());
    expect(await after.list()).toMatchObject({ version: SHIPPED, source: PriceList_Source.BUNDLED });
    expect((await after.cost())?.priceVersion).toBe(SHIPPED);
    expect(after.daemon.log.filter((line) => line.includes('the price list that was taken'))).toHaveLength(1);
    expect(readdirSync(dirname(path)).some((name) => name.startsWith('prices.json.corrupt-'))).toBe(true);
    expect((await after.update({ data: data(await publishedList(5)) })).failure).toBeUndefined();
    expect((await pricedBy(await after.daemon.restart()).cost())?.expectedPicoUsd).toBe(costAt(5));
  });

  it('that cannot be written changes nothing', async () => {
    const priced = await scene();
    await priced.list();
    mkdirSync(storedAt(priced));
    writeFileSync(`${storedAt(priced)}/in-the-way`, '');
    const { failure } = await priced.update({ data: data(await publishedList(3)) });
    expect(failure).toMatchObject({ reason: 'PRICE_LIST_UNAVAILABLE', message: expect.stringMatching(/cannot be kept: .*prices\.json.*Nothing has changed/) });
    expect((await priced.cost())?.priceVersion).toBe(SHIPPED);
  });
});
