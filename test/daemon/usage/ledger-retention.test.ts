import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compactTo } from '../../../src/daemon/usage/compact-journal.ts';
import type { OpenLedger } from '../../../src/daemon/usage/open-ledger.ts';
import { call, cost, DAY, everything, generation, HOUR, ledgerHome, NOON, request, testClock, tier, type Home } from './ledger-home.ts';

const retention = { rawDays: 30, rawBytes: 2 ** 28, labels: ['team'] };
const bytesOf = (home: Home): number => readdirSync(home.dir).reduce((sum, name) => sum + (name.endsWith('.jsonl') ? statSync(join(home.dir, name)).size : 0), 0);

/** What is still known when single generations are gone. */
const sums = async (ledger: OpenLedger) => {
  const ask = (groupBy: string[], more = {}) => ledger.query({ startTime: new Date(0), endTime: new Date(NOON + 2 * DAY), groupBy, filter: undefined, timeZone: '', ...more }, 'everybody');
  return [await ask([]), await ask(['day']), await ask(['day', 'client', 'provider', 'model']), await ask(['label:team']), await ask(['client'], { startTime: new Date(NOON - 70 * DAY - 12 * HOUR), endTime: new Date(NOON - 50 * DAY - 12 * HOUR) })];
};

/** 100 days, a call each, until today at noon. */
async function hundredDays(home: Home, ledger: OpenLedger): Promise<string[]> {
  const made: string[] = [];
  for (let day = 100; day >= 0; day--) {
    home.clock.wallMs = NOON - day * DAY;
    made.push(await call(ledger, { client: `c${day % 2}`, labels: day % 3 === 0 ? { team: `t${day % 5}` } : {} }, { cost: cost(BigInt(day + 1)), provider: day % 4 === 0 ? 'xai' : 'openai' }));
    if (day % 7 === 0) await ledger.compact();
  }
  return made;
}

describe('retention', () => {
  it('keeps each generation for its days, and the sums of days for good', async () => {
    const home = ledgerHome({ retention: { ...retention, rawDays: 400 }, tiers: { member: tier({ 'requests/month': 1000n }) } });
    const books = await home.open();
    const made = await hundredDays(home, books.ledger);
    const quota = books.ledger.quota('c0', 'member');
    const before = await sums(books.ledger);
    expect(await everything(books.ledger)).toHaveLength(101);
    const bytes = bytesOf(home);
    home.config = { ...home.config, retention };
    await books.ledger.compact();
    expect(bytesOf(home)).toBeLessThan(bytes);
    const kept = (await everything(books.ledger)).map(({ generationId }) => generationId);
    // Whole weeks go: a little more than 30 days stay.
    expect(kept.length).toBeGreaterThanOrEqual(31);
    expect(kept.length).toBeLessThanOrEqual(45);
    expect(made.slice(-kept.length)).toEqual(kept);
    expect(await books.ledger.get(made[0] ?? '', 'everybody')).toBeUndefined();
    expect(await sums(books.ledger)).toEqual(before);
    expect(books.ledger.quota('c0', 'member')).toEqual(quota);

    await books.close();
    const again = await home.open();
    expect(await sums(again.ledger)).toEqual(before);
    await again.close();
    rmSync(home.snapshotFile);
    const fromZero = await home.open();
    expect(await sums(fromZero.ledger)).toEqual(before);
    expect(fromZero.ledger.quota('c0', 'member')).toEqual(quota);
    expect((await everything(fromZero.ledger)).map(({ generationId }) => generationId)).toEqual(kept);
    expect(home.logged.join('')).toContain('summed up what of the journal is older');
  });

  it('knows a generation whose record is gone when it is sent again', async () => {
    const home = ledgerHome({ retention });
    const { ledger } = await home.open();
    const [first = '', second = ''] = await hundredDays(home, ledger);
    await ledger.compact();
    expect(await ledger.get(first, 'everybody')).toBeUndefined();
    expect(await ledger.import(generation({ generationId: first, settleTime: new Date(NOON - 100 * DAY) }))).toBe('duplicate');
    await ledger.clear(new Date(NOON - 99 * DAY - 12 * HOUR));
    expect(await ledger.import(generation({ generationId: first, settleTime: new Date(NOON - 100 * DAY) }))).toBe('imported');
    expect(await ledger.import(generation({ generationId: second, settleTime: new Date(NOON - 99 * DAY) }))).toBe('duplicate');
  });

  it('forgets days whose records are gone, also over restarts and further compaction', async () => {
    const home = ledgerHome({ retention });
    const books = await home.open();
    await hundredDays(home, books.ledger);
    await books.ledger.compact();
    expect(await books.ledger.clear(new Date(NOON - 49 * DAY - 12 * HOUR))).toBe(51);
    const after = await sums(books.ledger);
    expect(after[0]?.rows).toMatchObject([{ requestCount: 50n }]);
    home.clock.pass(8 * DAY);
    await call(books.ledger, {}, { cost: cost(1n) });
    home.clock.pass(40 * DAY);
    await books.ledger.compact();
    expect(await sums(books.ledger)).toEqual(after);
    await books.close();
    rmSync(home.snapshotFile);
    expect(await sums((await home.open()).ledger)).toEqual(after);
  });

  it('keeps what is open over a compaction and a crash', async () => {
    const home = ledgerHome({ retention, tiers: { member: tier({ 'requests/month': 10n }, { timeZone: 'UTC' }) } }, testClock(NOON - 60 * DAY));
    const books = await home.open();
    const open = await books.ledger.reserve(request({ client: 'long' }));
    await open.attempt('openai', 'gpt-4o');
    for (let week = 0; week < 8; week++) {
      home.clock.wallMs += 7 * DAY;
      await call(books.ledger, { tier: 'pro' });
      await books.ledger.compact();
    }
    expect(books.journal.segments.length).toBeLessThan(9);
    await books.kill();
    rmSync(home.snapshotFile, { force: true });
    const { ledger } = await home.open();
    expect((await everything(ledger)).filter(({ client }) => client === 'long')).toHaveLength(1);
  });

  it('holds the journal to its bytes', async () => {
    const home = ledgerHome({ retention: { ...retention, rawBytes: 3 * 1024 * 1024 } });
    const { ledger, journal } = await home.open();
    for (let at = 0; at < 60; at++) await Promise.all(Array.from({ length: 100 }, () => call(ledger, { labels: { team: 'x'.repeat(200) } })));
    const bytes = bytesOf(home);
    expect(bytes).toBeGreaterThan(4 * 1024 * 1024);
    await ledger.compact();
    expect(journal.segments.reduce((sum, segment) => sum + segment.bytes, 0)).toBeLessThanOrEqual(3 * 1024 * 1024);
    const { rows } = await ledger.query({ startTime: undefined, endTime: undefined, groupBy: [], filter: undefined, timeZone: '' }, 'everybody');
    expect(rows).toMatchObject([{ requestCount: 6000n, cost: { expectedPicoUsd: 3_600_000n } }]);
    const segments = journal.segments.length;
    await ledger.compact();
    expect(journal.segments).toHaveLength(segments);
  });

  it('asks for no compaction where there is nothing to give', () => {
    const segment = (number: number, newest: number, bytes = 100, records = 5) => ({ segment: number, end: 50, bytes, records, newest });
    const old = NOON - 40 * DAY;
    expect(compactTo([], retention, NOON)).toBeUndefined();
    expect(compactTo([segment(1, old)], retention, NOON)).toBeUndefined();
    expect(compactTo([segment(1, NOON), segment(2, NOON)], retention, NOON)).toBeUndefined();
    expect(compactTo([segment(1, old), segment(2, old), segment(3, NOON), segment(4, NOON)], retention, NOON)).toEqual({ segment: 2, offset: 50 });
    expect(compactTo([segment(1, old, 100, 1), segment(2, NOON)], retention, NOON)).toBeUndefined();
    // A ROLLUP was written just now, whatever it sums up.
    expect(compactTo([segment(1, NOON, 100, 1), segment(2, old), segment(3, NOON)], retention, NOON)).toEqual({ segment: 2, offset: 50 });
    expect(compactTo([segment(1, NOON), segment(2, NOON), segment(3, NOON)], { ...retention, rawBytes: 250 }, NOON)).toEqual({ segment: 1, offset: 50 });
  });
});
