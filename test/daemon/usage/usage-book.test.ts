import { describe, expect, it } from 'vitest';
import { Attempt_Outcome, Cost_Provenance } from '../../../src/gen/tollgate/v1/content.ts';
import type { UsageFilter } from '../../../src/gen/tollgate/v1/usage_service.ts';
import type { Settlement } from '../../../src/daemon/usage/ledger.ts';
import type { OpenLedger } from '../../../src/daemon/usage/open-ledger.ts';
import { attempt, call, cost, DAY, failure, HOUR, ledgerHome, NOON, testClock } from './ledger-home.ts';

const ALL = 'everybody';
const filter = (fields: Partial<UsageFilter>): UsageFilter => ({ client: '', provider: '', model: '', labels: {}, startTime: undefined, endTime: undefined, ...fields });
const query = (ledger: OpenLedger, groupBy: string[], more: Partial<Parameters<OpenLedger['query']>[0]> = {}, who: Parameters<OpenLedger['query']>[1] = ALL) =>
  ledger.query({ startTime: undefined, endTime: undefined, groupBy, filter: undefined, timeZone: '', ...more }, who);
/** What a query is about, in short: each key with its requests and picos. */
const short = async (ledger: OpenLedger, groupBy: string[], more = {}, who: Parameters<OpenLedger['query']>[1] = ALL) =>
  (await query(ledger, groupBy, more, who)).rows.map(({ key, requestCount, cost: sum }) => [Object.values(key).join(' '), Number(requestCount), sum?.expectedPicoUsd]);
const free: Partial<Settlement> = { cost: { expectedPicoUsd: 0n, lowPicoUsd: 0n, highPicoUsd: 0n, provenance: Cost_Provenance.FREE, priceVersion: '' }, provider: 'ollama', responseModel: 'llama' };

describe('a summary', () => {
  it('of nothing is zero where nothing is a fact, and unset where nobody knows', async () => {
    const { ledger } = await ledgerHome().open();
    const { today, month, projectedMonth, days } = await ledger.summary('', ALL);
    expect(today).toEqual({ inputTokens: undefined, outputTokens: undefined, requestCount: 0n, successRate: undefined, cost: { expectedPicoUsd: 0n, lowPicoUsd: 0n, highPicoUsd: 0n, provenance: Cost_Provenance.UNSPECIFIED, priceVersion: '' }, byProvider: [], byModel: [] });
    expect(month).toEqual(today);
    expect(projectedMonth?.expectedPicoUsd).toBe(0n);
    expect(days.map(({ key }) => key['day'])).toEqual(Array.from({ length: 23 }, (_, at) => `2026-11-${String(at + 1).padStart(2, '0')}`));
  });

  it('has today, the month and each of its days, the dearest provider and model first', async () => {
    const home = ledgerHome({}, testClock(Date.UTC(2026, 10, 1)));
    const { ledger } = await home.open();
    await call(ledger, {}, { cost: cost(100n) });
    home.clock.wallMs = NOON;
    await call(ledger, {}, { cost: cost(5n) });
    await call(ledger, {}, { ...free, statusReason: 'RATE_LIMITED', usage: undefined });
    await call(ledger, {}, { cost: cost(900n), provider: 'anthropic', responseModel: 'claude', usage: { inputTokens: 7n } });
    const { today, month, days } = await ledger.summary('', ALL);
    expect(today).toMatchObject({ inputTokens: 17n, outputTokens: 20n, requestCount: 3n, successRate: 2 / 3, cost: { expectedPicoUsd: 905n, provenance: Cost_Provenance.PRICED, priceVersion: 'v1' } });
    expect(today.byProvider.map(({ key }) => key['provider'])).toEqual(['anthropic', 'openai', 'ollama']);
    expect(today.byModel.map(({ key }) => key['model'])).toEqual(['claude', 'gpt-4o', 'llama']);
    expect(month).toMatchObject({ requestCount: 4n, cost: { expectedPicoUsd: 1005n } });
    expect(days.map(({ cost: sum }) => sum?.expectedPicoUsd)).toEqual([100n, ...Array.from({ length: 21 }, () => 0n), 905n]);
  });

  it('of the 31st has the first of its month', async () => {
    const home = ledgerHome({}, testClock(Date.UTC(2026, 9, 1, 0, 0, 1)));
    const { ledger } = await home.open();
    await call(ledger, {}, { cost: cost(100n) });
    home.clock.wallMs = Date.UTC(2026, 9, 31, 23, 59, 59);
    await call(ledger, {}, { cost: cost(1n) });
    const { month, days } = await ledger.summary('', ALL);
    expect([month.requestCount, month.cost?.expectedPicoUsd, days.length]).toEqual([2n, 101n, 31]);
  });

  it('projects by the time gone, not by today', async () => {
    const home = ledgerHome({}, testClock(Date.UTC(2026, 10, 1, 0, 30)));
    const { ledger } = await home.open();
    await call(ledger, {}, { cost: cost(300n, { lowPicoUsd: 100n, highPicoUsd: 1000n }) });
    expect((await ledger.summary('', ALL)).projectedMonth).toBeUndefined();
    home.clock.wallMs = Date.UTC(2026, 10, 11);
    expect((await ledger.summary('', ALL)).projectedMonth).toEqual({ expectedPicoUsd: 900n, lowPicoUsd: 300n, highPicoUsd: 3000n, provenance: Cost_Provenance.ESTIMATED, priceVersion: 'v1' });
    home.clock.wallMs = Date.UTC(2026, 10, 16);
    await call(ledger, {}, { cost: cost(undefined) });
    expect((await ledger.summary('', ALL)).projectedMonth).toMatchObject({ expectedPicoUsd: 600n, lowPicoUsd: 200n, highPicoUsd: undefined });
  });

  it('has the days of the zone that is asked for, a day of 25 hours too', async () => {
    // 00:30 of the 25th in Berlin, when UTC still has the 24th; 23:30 of the 25th there, 24 h 59 later.
    const home = ledgerHome({}, testClock(Date.UTC(2026, 9, 24, 22, 30)));
    const { ledger } = await home.open();
    await call(ledger);
    home.clock.wallMs = Date.UTC(2026, 9, 25, 22, 59);
    await call(ledger);
    expect((await ledger.summary('Europe/Berlin', ALL)).today.requestCount).toBe(2n);
    expect((await ledger.summary('', ALL)).today.requestCount).toBe(1n);
    expect((await failure(ledger.summary('Mars/Olympus', ALL))).violations).toMatchObject([{ field: 'time_zone' }]);
  });

  it("shows a client its own, and nobody else's", async () => {
    const { ledger } = await ledgerHome().open();
    await call(ledger);
    await call(ledger, { client: 'other' });
    expect((await ledger.summary('', { client: 'other' })).month.requestCount).toBe(1n);
    expect((await ledger.summary('', { client: 'nobody' })).month.requestCount).toBe(0n);
    expect(await short(ledger, ['client'], { filter: filter({ client: 'my-app' }) }, { client: 'other' })).toEqual([]);
  });

  it('never makes a number of what nobody knows', async () => {
    const { ledger } = await ledgerHome().open();
    await call(ledger, {}, { usage: undefined, cost: cost(undefined) });
    const { today } = await ledger.summary('', ALL);
    expect(today).toMatchObject({ inputTokens: undefined, outputTokens: undefined, cost: { provenance: Cost_Provenance.UNKNOWN } });
    expect(today.cost).not.toHaveProperty('expectedPicoUsd');
    await call(ledger, {}, { cost: cost(5n), usage: { outputTokens: 0n } });
    const [row] = (await query(ledger, [])).rows;
    expect(row).toMatchObject({ key: {}, requestCount: 2n, unknownCostCount: 1n, usage: { outputTokens: 0n }, cost: { expectedPicoUsd: 5n, lowPicoUsd: 5n, highPicoUsd: undefined, provenance: Cost_Provenance.PRICED } });
    expect(row?.usage).not.toHaveProperty('inputTokens');
  });
});

describe('a query', () => {
  const filled = async (options = {}) => {
    const home = ledgerHome({ retention: { rawDays: 90, rawBytes: 2 ** 28, labels: ['team'] }, ...options }, testClock(NOON - 3 * DAY));
    const books = await home.open();
    const { ledger } = books;
    await call(ledger, { labels: { team: 'a', run: '1' } }, { cost: cost(1n) });
    home.clock.pass(DAY + 90 * 60_000);
    await call(ledger, { client: 'other', labels: { team: 'b' } }, { cost: cost(10n), provider: 'anthropic', responseModel: 'claude' });
    await call(ledger, {}, { cost: cost(100n), responseModel: 'gpt-4o-2024-11-20', attempts: [attempt({ outcome: Attempt_Outcome.SKIPPED, model: 'llama' }), attempt()] });
    home.clock.wallMs = NOON;
    return { home, books, ledger };
  };

  it('adds up by any groups, in their order', async () => {
    const { ledger } = await filled();
    expect(await short(ledger, [])).toEqual([['', 3, 111n]]);
    expect(await short(ledger, ['day'])).toEqual([['2026-11-20', 1, 1n], ['2026-11-21', 2, 110n]]);
    expect(await short(ledger, ['hour'])).toEqual([['2026-11-20T12:00+00:00', 1, 1n], ['2026-11-21T13:00+00:00', 2, 110n]]);
    expect(await short(ledger, ['hour'], { timeZone: 'Asia/Kolkata' })).toEqual([['2026-11-20T17:00+05:30', 1, 1n], ['2026-11-21T19:00+05:30', 2, 110n]]);
    expect(await short(ledger, ['provider', 'client'])).toEqual([['anthropic other', 1, 10n], ['openai my-app', 2, 101n]]);
    expect(await short(ledger, ['model'])).toEqual([['claude', 1, 10n], ['gpt-4o', 2, 101n]]);
    expect(await short(ledger, ['label:team'])).toEqual([['', 1, 100n], ['a', 1, 1n], ['b', 1, 10n]]);
    expect(await short(ledger, ['label:run'])).toEqual([['', 2, 110n], ['1', 1, 1n]]);
    expect(await short(ledger, ['label:team', 'provider'])).toEqual([[' openai', 1, 100n], ['a openai', 1, 1n], ['b anthropic', 1, 10n]]);
    expect(await short(ledger, ['day'], { timeZone: 'Pacific/Kiritimati' })).toEqual([['2026-11-21', 1, 1n], ['2026-11-22', 2, 110n]]);
  });

  it('looks at what its filter and its times leave, to the millisecond', async () => {
    const { ledger } = await filled();
    const first = NOON - 3 * DAY;
    expect(await short(ledger, [], { filter: filter({ labels: { team: 'a', run: '1' } }) })).toEqual([['', 1, 1n]]);
    expect(await short(ledger, [], { filter: filter({ labels: { team: 'a', run: '2' } }) })).toEqual([['', 0, 0n]]);
    expect(await short(ledger, ['client'], { filter: filter({ provider: 'anthropic' }) })).toEqual([['other', 1, 10n]]);
    expect(await short(ledger, ['client'], { filter: filter({ model: 'gpt-4o' }) })).toEqual([['my-app', 2, 101n]]);
    expect(await short(ledger, [], { endTime: new Date(first) })).toEqual([['', 0, 0n]]);
    expect(await short(ledger, [], { endTime: new Date(first + 1) })).toEqual([['', 1, 1n]]);
    expect(await short(ledger, [], { startTime: new Date(first) })).toEqual([['', 3, 111n]]);
    expect(await short(ledger, [], { startTime: new Date(first + 1) })).toEqual([['', 2, 110n]]);
    expect(await short(ledger, ['day'], { startTime: new Date(first + 1), endTime: new Date(first + DAY) })).toEqual([]);
  });

  it('looks 30 days back from its end unless it says more', async () => {
    const { home, ledger } = await filled();
    home.clock.wallMs = NOON + 28 * DAY;
    expect(await short(ledger, [])).toEqual([['', 2, 110n]]);
    expect(await short(ledger, [], { endTime: new Date(NOON) })).toEqual([['', 3, 111n]]);
  });

  it('answers the same from the sums of days as from each generation', async () => {
    const { ledger } = await filled();
    for (const groupBy of [[], ['day'], ['provider'], ['day', 'client', 'model'], ['label:team'], ['client', 'label:team']]) {
      // The journal is asked when a time cuts through a day, however little.
      const whole = await query(ledger, groupBy, { startTime: new Date(NOON - 20 * DAY - 12 * HOUR) });
      const cut = await query(ledger, groupBy, { startTime: new Date(NOON - 3 * DAY - 1), endTime: new Date(NOON - DAY) });
      expect(cut).toEqual(whole);
      expect(whole.rows.length).toBeGreaterThan(0);
    }
  });

  it('does not ask the journal for whole days', async () => {
    const home = ledgerHome();
    let replays = 0;
    const { ledger } = await home.open({}, (real) => ({
      ...real,
      replay: (after) => {
        replays++;
        return real.replay(after);
      },
    }));
    for (let at = 0; at < 20; at++) await call(ledger);
    replays = 0;
    await ledger.summary('', ALL);
    await query(ledger, ['day', 'provider'], { startTime: new Date(Date.UTC(2026, 10, 1)) });
    expect(replays).toBe(0);
    await query(ledger, ['hour']);
    expect(replays).toBe(1);
  });

  it('refuses groups that there are not', async () => {
    const { ledger } = await ledgerHome().open();
    expect((await failure(query(ledger, ['week', 'label:']))).violations.map(({ field }) => field)).toEqual(['group_by[0]', 'group_by[1]']);
    expect((await failure(query(ledger, Array.from({ length: 9 }, () => 'day')))).violations).toMatchObject([{ field: 'group_by' }]);
  });

  it('puts the 101st value of a label, and all after it, under "other"', async () => {
    const { ledger, books, home } = await filled();
    for (let at = 0; at < 150; at++) await call(ledger, { labels: { team: `t${at}`, free: `f${at}` } });
    const rows = await short(ledger, ['label:team']);
    expect(rows).toHaveLength(102);
    expect(rows.find(([key]) => key === 'other')).toEqual(['other', 52, 52n * 600n]);
    expect(await short(ledger, ['label:team', 'provider'])).toHaveLength(102);
    expect(await short(ledger, ['label:free'])).toHaveLength(151);
    await books.close();
    expect(await short((await home.open()).ledger, ['label:team'])).toEqual(rows);
  });

  it('stays right when a day has more rows than are held', async () => {
    const home = ledgerHome();
    const books = await home.open();
    await Promise.all(Array.from({ length: 2100 }, (_, at) => call(books.ledger, {}, { responseModel: `m${at}`, cost: cost(1n) })));
    expect(await short(books.ledger, ['provider'])).toEqual([['openai', 2100, 2100n]]);
    expect((await query(books.ledger, ['model'])).rows).toHaveLength(2100);
    await books.close();
    const again = await home.open();
    expect(await short(again.ledger, ['provider'])).toEqual([['openai', 2100, 2100n]]);
  });
});
