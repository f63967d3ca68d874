import { existsSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Attempt_Outcome, Cost_Provenance } from '../../../src/gen/tollgate/v1/content.ts';
import { UsageSource } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { StartError } from '../../../src/daemon/start-error.ts';
import { calendarOf } from '../../../src/daemon/usage/calendar.ts';
import { apply, emptyState } from '../../../src/daemon/usage/fold.ts';
import { writeGeneration } from '../../../src/daemon/usage/generation-record.ts';
import type { JournalRecord } from '../../../src/daemon/usage/journal-record.ts';
import { readState, writeState } from '../../../src/daemon/usage/snapshot.ts';
import { all, call, DAY, everything, failure, generation, ledgerHome, NOON, request, settlement, tier, type Books, type Home } from './ledger-home.ts';

const LIMITED = { tiers: { member: tier({ 'requests/month': 10n, 'tokens/month': 10_000n, 'pico_usd/month': 100_000n }) } };

/** Everything that can be asked for, but for what the machine's clock says. */
const seen = async ({ ledger }: Books) => ({
  quota: ledger.quota('my-app', 'member'),
  summary: await ledger.summary('', 'everybody'),
  rows: await ledger.query({ startTime: undefined, endTime: undefined, groupBy: ['day', 'client', 'provider', 'model'], filter: undefined, timeZone: '' }, 'everybody'),
  generations: await everything(ledger),
  open: ledger.openCount,
  overruns: ledger.overrunCount,
});

const ends = async ({ journal }: Books): Promise<JournalRecord[]> => (await all(journal.replay())).map(({ record }) => record).filter(({ type }) => ['SETTLE', 'VOID', 'EXPIRE'].includes(type));

const body = (home: Home): Record<string, unknown> => JSON.parse(readFileSync(home.snapshotFile, 'utf8')) as Record<string, unknown>;

describe('a launch after a crash', () => {
  it('gives back what had called nobody', async () => {
    const home = ledgerHome(LIMITED);
    const before = await home.open();
    await before.ledger.reserve(request());
    await before.kill();
    const after = await home.open();
    expect(after.ledger.openCount).toBe(0);
    expect(await ends(after)).toMatchObject([{ type: 'VOID' }]);
    expect(after.ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 0n, reserved: 0n }, { used: 0n, reserved: 0n }, { used: 0n, reserved: 0n }]);
  });

  it('settles what had called somebody at its last checkpoint, says that this is an estimate, and charges it', async () => {
    const home = ledgerHome(LIMITED);
    const before = await home.open();
    const open = await before.ledger.reserve(request({ labels: { team: 'search' }, bound: { tokens: 5000n, picoUsd: 9000n, inputTokens: 40n } }));
    await open.attempt('openai', 'gpt-4o');
    open.checkpoint(1200);
    await call(before.ledger);
    await before.kill();

    const asked: unknown[] = [];
    const after = await home.open({
      crashCost: (attempt, checkpoint, bound) => {
        asked.push([attempt, checkpoint, bound]);
        return { expectedPicoUsd: 700n, lowPicoUsd: 500n, highPicoUsd: 900n, provenance: Cost_Provenance.ESTIMATED, priceVersion: 'v1' };
      },
    });
    expect(asked).toEqual([[{ provider: 'openai', model: 'gpt-4o', time: NOON }, { outputTokens: 1200 }, { tokens: 5000n, picoUsd: 9000n, inputTokens: 40n }]]);
    const [, crashed] = await everything(after.ledger);
    expect(crashed).toMatchObject({
      client: 'my-app',
      model: 'gpt',
      labels: { team: 'search' },
      provider: 'openai',
      responseModel: 'gpt-4o',
      statusReason: 'INTERNAL',
      usage: { inputTokens: 40n, outputTokens: 1200n },
      usageSource: UsageSource.CRASH_ESTIMATED,
      cost: { expectedPicoUsd: 700n, lowPicoUsd: 500n, highPicoUsd: 900n, provenance: Cost_Provenance.ESTIMATED },
      attempts: [{ attempt: 1, provider: 'openai', model: 'gpt-4o', outcome: Attempt_Outcome.FAILED }],
    });
    expect(after.ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 2n, reserved: 0n }, { used: 1270n, reserved: 0n }, { used: 1300n, reserved: 0n }]);
    expect(home.logged.join('')).toContain('estimated from its last checkpoint');
  });

  it('charges the whole bound where the input is not known, and says UNKNOWN when there is no price', async () => {
    const home = ledgerHome(LIMITED);
    const before = await home.open();
    await (await before.ledger.reserve(request())).attempt('openai', 'gpt-4o');
    await before.kill();
    const after = await home.open({ crashCost: () => Promise.reject(new Error('no prices')) });
    expect(await everything(after.ledger)).toMatchObject([{ cost: { provenance: Cost_Provenance.UNKNOWN } }]);
    expect(after.ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 1n }, { used: 100n }, { used: 1000n }]);
  });

  it('ends each of them once, however often it crashes', async () => {
    const home = ledgerHome(LIMITED);
    for (let launch = 0; launch < 4; launch++) {
      const books = await home.open();
      await (await books.ledger.reserve(request())).attempt('openai', 'gpt-4o');
      await books.kill();
    }
    const last = await home.open();
    const ids = (await ends(last)).map((record) => ('id' in record ? record.id : ''));
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(4);
    expect(last.ledger.quota('my-app', 'member').windows[0]).toMatchObject({ used: 4n, reserved: 0n });
  });

  it('admits exactly what was left of a limit, when 1,000 calls race again', async () => {
    const home = ledgerHome(LIMITED);
    const before = await home.open();
    await Promise.all(Array.from({ length: 4 }, () => call(before.ledger)));
    await before.ledger.reserve(request());
    await before.kill();
    const after = await home.open();
    const answers = await Promise.allSettled(Array.from({ length: 1000 }, () => after.ledger.reserve(request({ bound: { tokens: 1n, picoUsd: 1n } }))));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(6);
  });
});

describe('the usage snapshot', () => {
  const used = async (home: Home): Promise<void> => {
    const books = await home.open();
    await call(books.ledger);
    await call(books.ledger, { client: 'other', labels: { team: 'a' } }, { cost: { ...settlement().cost, provenance: Cost_Provenance.UNKNOWN, expectedPicoUsd: undefined } });
    home.clock.pass(DAY);
    await call(books.ledger, {}, { statusReason: 'RATE_LIMITED', usage: undefined });
    await books.close();
  };

  it('gives the books back as they were, and so does the journal alone', async () => {
    const home = ledgerHome(LIMITED);
    await used(home);
    const withSnapshot = await home.open();
    const before = await seen(withSnapshot);
    expect(before.summary.month.requestCount).toBe(3n);
    await withSnapshot.close();
    rmSync(home.snapshotFile);
    const without = await home.open();
    expect(await seen(without)).toEqual(before);
  });

  it('saves reading what it holds', async () => {
    const home = ledgerHome(LIMITED);
    await used(home);
    const from: unknown[] = [];
    await home.open({}, (real) => ({
      ...real,
      replay: (after) => {
        from.push(after);
        return real.replay(after);
      },
    }));
    expect(from).toEqual([{ segment: expect.any(Number), offset: expect.any(Number) }]);
  });

  it('is written once it was made anew, also when nothing happens any more', async () => {
    const home = ledgerHome();
    const books = await home.open();
    await call(books.ledger);
    await books.close();
    rmSync(home.snapshotFile);
    const again = await home.open();
    await expect.poll(() => existsSync(home.snapshotFile)).toBe(true);
    await again.kill();
  });

  it('is made anew from the journal when it is damaged, and put aside', async () => {
    const home = ledgerHome(LIMITED);
    await used(home);
    const whole = readFileSync(home.snapshotFile, 'utf8');
    const good = await home.open();
    const before = await seen(good);
    await good.close();
    // A digit that changed is JSON like any other.
    for (const damaged of ['', 'null', '[]', '\0\0\0', whole.slice(0, -20), whole.replace('"10 0 0"', '"0 0 0"').replace('"2 0 0"', '"1 0 0"'), '{"version":1}', `${whole}}`, 'x'.repeat(2_000_000)]) {
      expect(damaged).not.toBe(whole);
      writeFileSync(home.snapshotFile, damaged, { mode: 0o600 });
      const books = await home.open();
      expect(await seen(books)).toEqual(before);
      await books.close();
    }
    expect(readdirSync(dirname(home.snapshotFile)).filter((name) => name.startsWith('usage.json.corrupt-')).length).toBeGreaterThan(0);
    expect(home.logged.join('')).toContain('put aside');
  });

  it('is refused, and left alone, when it is of a newer version', async () => {
    const home = ledgerHome(LIMITED);
    await used(home);
    const newer = JSON.stringify({ ...body(home), version: 2 });
    writeFileSync(home.snapshotFile, newer, { mode: 0o600 });
    await expect(home.open()).rejects.toThrow(StartError);
    await expect(home.open()).rejects.toThrow('newer');
    expect(readFileSync(home.snapshotFile, 'utf8')).toBe(newer);
  });

  it('gives way to the journal when that ends before it, and says so', async () => {
    const home = ledgerHome(LIMITED);
    await used(home);
    const file = join(home.dir, readdirSync(home.dir).find((name) => name.endsWith('.jsonl')) ?? '');
    truncateSync(file, statSync(file).size - 5);
    const books = await home.open();
    expect((await everything(books.ledger)).map(({ usageSource }) => usageSource)).toEqual([UsageSource.REPORTED, UsageSource.REPORTED, UsageSource.CRASH_ESTIMATED]);
    expect(home.logged.join('')).toContain('does not go on where the usage snapshot ends');
  });

  it('is private, under 1 MB with 62 busy days, and leaves out no day for that', async () => {
    const home = ledgerHome({ ...LIMITED, retention: { rawDays: 90, rawBytes: 2 ** 30, labels: ['team'] } });
    const books = await home.open();
    home.clock.pass(-70 * DAY);
    for (let day = 0; day <= 70; day++) {
      await Promise.all(Array.from({ length: 90 }, (_, at) => call(books.ledger, { tier: 'premium', client: `client-${at % 30}`, labels: { team: `team ${at % 9}` } }, { responseModel: `some-model-with-a-long-name-${at}`, provider: `provider-${at % 5}` })));
      home.clock.pass(day < 70 ? DAY : 0);
    }
    const before = await seen(books);
    await books.close();
    expect(statSync(home.snapshotFile).size).toBeLessThan(1_000_000);
    expect(statSync(home.snapshotFile).size).toBeGreaterThan(400_000);
    expect(statSync(home.snapshotFile).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(home.snapshotFile)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    const after = await home.open();
    expect(await seen(after)).toEqual(before);
    expect(before.rows.rows).toHaveLength(30 * 90);
  });

  it('is written some time after a change, and not at each', async () => {
    const home = ledgerHome(LIMITED);
    const books = await home.open();
    await call(books.ledger);
    expect(existsSync(home.snapshotFile)).toBe(false);
    await expect.poll(() => existsSync(home.snapshotFile)).toBe(true);
    const first = readFileSync(home.snapshotFile, 'utf8');
    for (let at = 0; at < 50; at++) await call(books.ledger, { tier: 'premium' });
    expect(readFileSync(home.snapshotFile, 'utf8')).toBe(first);
    await books.close();
    expect(readFileSync(home.snapshotFile, 'utf8')).not.toBe(first);
  });

  it('is of one moment: what happens while it is written is not in it', () => {
    const calendar = calendarOf('UTC')!;
    const state = emptyState(calendar, []);
    const at = (offset: number) => ({ segment: 1, offset });
    const end = (id: string, offset: number): void => {
      apply(state, { type: 'RESERVE', id, time: NOON, client: 'ann', tier: 'pro', windows: [{ window: 'client/ann/requests/month/2026-11', amount: '1' }], request: { model: 'p/m' } }, at(offset));
      apply(state, { type: 'SETTLE', id, time: NOON, generation: writeGeneration(generation({ generationId: id, settleTime: undefined })) }, at(offset + 1));
    };
    end('g-1', 10);
    apply(state, { type: 'RESERVE', id: 'open', time: NOON, client: 'ann', tier: 'pro', windows: [], request: {} }, at(20));
    const written = writeState(state);
    const before = JSON.stringify(written);
    apply(state, { type: 'ATTEMPT', id: 'open', time: NOON, provider: 'p', model: 'm' }, at(30));
    apply(state, { type: 'CHECKPOINT', id: 'open', time: NOON, outputTokens: 5 }, at(40));
    end('g-2', 50);
    expect(JSON.stringify(written)).toBe(before);
    // And the next one has all of it, of the same day too.
    expect(readState(JSON.parse(JSON.stringify(writeState(state))) as Record<string, unknown>, calendar, [])).toEqual(state);
  });

  it('is not believed for days of another time zone', async () => {
    const home = ledgerHome(LIMITED);
    await used(home);
    const books = await home.open({ timeZone: 'Pacific/Kiritimati' });
    const { rows } = await books.ledger.query({ startTime: undefined, endTime: undefined, groupBy: ['day'], filter: undefined, timeZone: '' }, 'everybody');
    expect(rows.map(({ key }) => key['day'])).toEqual(['2026-11-24', '2026-11-25']);
    expect((await failure(books.ledger.query({ startTime: undefined, endTime: undefined, groupBy: ['day'], filter: undefined, timeZone: 'Nowhere/Land' }, 'everybody'))).violations).toMatchObject([{ field: 'time_zone' }]);
  });
});
