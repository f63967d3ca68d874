import { describe, expect, it } from 'vitest';
import { Attempt_Outcome } from '../../../src/gen/tollgate/v1/content.ts';
import type { UsageFilter } from '../../../src/gen/tollgate/v1/usage_service.ts';
import type { OpenLedger } from '../../../src/daemon/usage/open-ledger.ts';
import { all, attempt, call, cost, DAY, everything, failure, generation, HOUR, ledgerHome, NOON } from './ledger-home.ts';

const ALL = 'everybody';
const filter = (fields: Partial<UsageFilter>): UsageFilter => ({ client: '', provider: '', model: '', labels: {}, startTime: undefined, endTime: undefined, ...fields });
const query = (ledger: OpenLedger, groupBy: string[]) => ledger.query({ startTime: undefined, endTime: undefined, groupBy, filter: undefined, timeZone: '' }, ALL);
/** What a query is about, in short: each key with its requests and picos. */
const short = async (ledger: OpenLedger, groupBy: string[]) => (await query(ledger, groupBy)).rows.map(({ key, requestCount, cost: sum }) => [Object.values(key).join(' '), Number(requestCount), sum?.expectedPicoUsd]);

describe('generations', () => {
  it('are listed with the newest first, page by page, before and after a restart', async () => {
    const home = ledgerHome();
    const books = await home.open();
    const made: string[] = [];
    for (let at = 0; at < 25; at++) {
      made.unshift(await call(books.ledger));
      if (at % 4 === 0) home.clock.pass(9 * HOUR);
    }
    const pages = async (ledger: OpenLedger, size: number): Promise<string[][]> => {
      const found: string[][] = [];
      let token = '';
      do {
        const page = await ledger.list(undefined, { size, token }, ALL);
        found.push(page.generations.map(({ generationId }) => generationId));
        token = page.nextPageToken;
      } while (token !== '');
      return found;
    };
    const expected = [made.slice(0, 10), made.slice(10, 20), made.slice(20)];
    expect(await pages(books.ledger, 10)).toEqual(expected);
    expect(await pages(books.ledger, 25)).toEqual([made]);
    await books.close();
    const { ledger } = await home.open();
    expect(await pages(ledger, 10)).toEqual(expected);
    made.unshift(await call(ledger));
    expect(await pages(ledger, 26)).toEqual([made]);
    expect((await everything(ledger)).map(({ generationId }) => generationId)).toEqual(made.toReversed());
    expect((await failure(ledger.list(undefined, { size: 1, token: 'x' }, ALL))).violations).toMatchObject([{ field: 'page_token' }]);
  });

  it('are listed by filter, and only to who may see them', async () => {
    const { ledger } = await ledgerHome().open();
    const id = await call(ledger, { labels: { team: 'a' } });
    const others = await call(ledger, { client: 'other' }, { provider: 'xai' });
    const list = async (fields: Partial<UsageFilter>, who: Parameters<OpenLedger['list']>[2] = ALL) => (await ledger.list(filter(fields), { size: 10, token: '' }, who)).generations.map(({ generationId }) => generationId);
    expect(await list({ labels: { team: 'a' } })).toEqual([id]);
    expect(await list({ provider: 'xai' })).toEqual([others]);
    expect(await list({ endTime: new Date(NOON) })).toEqual([]);
    expect(await list({ startTime: new Date(NOON) })).toEqual([others, id]);
    expect(await list({}, { client: 'my-app' })).toEqual([id]);
    expect(await list({ client: 'other' }, { client: 'my-app' })).toEqual([]);
    expect(await ledger.get(others, { client: 'other' })).toMatchObject({ generationId: others });
    expect(await ledger.get(others, { client: 'my-app' })).toBeUndefined();
    expect(await ledger.get('gen_none', ALL)).toBeUndefined();
  });

  it('come back whole from the journal', async () => {
    const home = ledgerHome();
    const books = await home.open();
    const id = await call(
      books.ledger,
      { labels: { __proto__x: 'ü', team: 'a b' }, embedding: true },
      {
        usage: { inputTokens: 0n, outputTokens: 2n ** 62n, cacheReadInputTokens: 0n, reasoningOutputTokens: 7n },
        attempts: [attempt({ outcome: Attempt_Outcome.FAILED, reason: 'RATE_LIMITED', message: 'slow\u0000 down', httpStatus: 429, duration: { seconds: 1n, nanos: 500_000_000 }, usage: { inputTokens: 3n } }), attempt({ attempt: 2, cost: cost(5n) })],
      },
    );
    const before = await books.ledger.get(id, ALL);
    expect(before).toMatchObject({ duration: { seconds: 1n, nanos: 500_000_000 }, timeToFirstToken: { seconds: 0n, nanos: 250_000_000 }, settleTime: new Date(NOON), embedding: true, labels: { team: 'a b' } });
    await books.close();
    const again = await home.open();
    expect(await again.ledger.get(id, ALL)).toEqual(before);
    expect(await everything(again.ledger)).toEqual([before]);
  });

  it('are told as they are settled, to who may see them, until the watch ends', async () => {
    const { ledger } = await ledgerHome().open();
    const stop = new AbortController();
    const seen: string[] = [];
    const watched = (async () => {
      for await (const { generationId } of ledger.watch(undefined, { client: 'my-app' }, stop.signal)) {
        seen.push(generationId);
        if (seen.length === 2) stop.abort();
      }
    })();
    const first = await call(ledger);
    await call(ledger, { client: 'other' });
    await ledger.import(generation());
    const second = await call(ledger);
    await watched;
    expect(seen).toEqual([first, second]);
    expect(await all(ledger.watch(undefined, ALL, AbortSignal.abort()))).toEqual([]);
  });

  it('are not kept for ever for a watch that nobody reads', async () => {
    const { ledger } = await ledgerHome().open();
    const watch = ledger.watch(undefined, ALL, new AbortController().signal);
    await Promise.all(Array.from({ length: 1100 }, () => call(ledger)));
    expect((await failure(all(watch))).reason).toBe('DAEMON_OVERLOADED');
  });
});

describe('import and clear', () => {
  it('takes a generation in once, whoever sends it how often, also after a restart', async () => {
    const home = ledgerHome();
    const books = await home.open();
    const own = await call(books.ledger);
    const one = generation({ attempts: [attempt()] });
    const answers = await Promise.all(Array.from({ length: 5 }, () => books.ledger.import(one)));
    expect(answers.sort()).toEqual(['duplicate', 'duplicate', 'duplicate', 'duplicate', 'imported']);
    expect(await books.ledger.import(generation({ generationId: own }))).toBe('duplicate');
    await books.close();
    const { ledger } = await home.open();
    expect(await ledger.import(one)).toBe('duplicate');
    expect(await ledger.get(one.generationId, ALL)).toEqual(one);
    expect(await short(ledger, ['day'])).toEqual([['2026-11-22', 1, 600n], ['2026-11-23', 1, 600n]]);
    expect((await ledger.list(undefined, { size: 5, token: '' }, ALL)).generations.map(({ generationId }) => generationId)).toEqual([own, one.generationId]);
  });

  it('moves all from one daemon to another, to the pico-dollar', async () => {
    const { ledger: from } = await ledgerHome().open();
    for (let at = 0; at < 30; at++) await call(from, { client: `c${at % 3}` }, { cost: cost(BigInt(at)) });
    const { ledger: to } = await ledgerHome().open();
    for (const each of await everything(from)) expect(await to.import(each)).toBe('imported');
    expect(await query(to, ['day', 'client', 'model'])).toEqual(await query(from, ['day', 'client', 'model']));
    expect(await everything(to)).toEqual(await everything(from));
  });

  it('forgets what is older to the millisecond, says how many, and lets it be taken in again', async () => {
    const home = ledgerHome();
    const books = await home.open();
    const { ledger } = books;
    for (let at = 0; at < 6; at++) {
      await call(ledger, {}, { cost: cost(1n) });
      home.clock.pass(HOUR);
    }
    const before = await everything(ledger);
    expect(await ledger.clear(new Date(NOON + 2 * HOUR))).toBe(2);
    const check = async (of: OpenLedger): Promise<void> => {
      expect(await short(of, [])).toEqual([['', 4, 4n]]);
      expect((await of.summary('', ALL)).today.requestCount).toBe(4n);
      expect(await everything(of)).toEqual(before.slice(2));
      expect((await of.list(undefined, { size: 9, token: '' }, ALL)).generations).toHaveLength(4);
      expect(await of.get(before[0]?.generationId ?? '', ALL)).toBeUndefined();
    };
    await check(ledger);
    await books.close();
    const again = await home.open();
    await check(again.ledger);
    expect(await again.ledger.import(before[0] ?? generation())).toBe('imported');
    expect(await again.ledger.import(before[3] ?? generation())).toBe('duplicate');
    expect(await short(again.ledger, [])).toEqual([['', 5, 5n]]);
    expect(await again.ledger.clear(new Date(home.clock.wallMs + DAY))).toBe(5);
    expect(await short(again.ledger, [])).toEqual([['', 0, 0n]]);
    await call(again.ledger);
    expect(await short(again.ledger, [])).toEqual([['', 1, 600n]]);
  });
});
