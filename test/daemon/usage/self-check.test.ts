import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { makeLogger } from '../../../src/daemon/logger.ts';
import { calendarOf } from '../../../src/daemon/usage/calendar.ts';
import { emptyState } from '../../../src/daemon/usage/fold.ts';
import { encodeLine, HEAD_BYTES, readLine } from '../../../src/daemon/usage/journal/line.ts';
import type { OpenJournal } from '../../../src/daemon/usage/journal/open-journal.ts';
import { recorder } from '../../../src/daemon/usage/recorder.ts';
import { selfCheck } from '../../../src/daemon/usage/self-check.ts';
import { journalDir, openAt, reserveRecord } from './journal-home.ts';
import { call, cost, ledgerHome, request, settlement, tier } from './ledger-home.ts';

const LIMITED = { tiers: { member: tier({ 'requests/month': 1000n, 'tokens/day': 1_000_000n, 'pico_usd/day': 1_000_000n }) } };
const WINDOW = 'client/my-app/requests/month/2026-11';

/** Writes one byte anew, in the file that is in use. */
function bend(dir: string, word: string): void {
  const path = join(dir, '00000001.jsonl');
  const at = readFileSync(path).indexOf(word);
  expect(at).toBeGreaterThan(0);
  const file = openSync(path, 'r+');
  writeSync(file, 'X', at);
  closeSync(file);
}

/** The real journal, which writes down more tokens of each reservation than the ledger holds. */
const generous = (real: OpenJournal): OpenJournal => ({
  ...real,
  append: (record) => real.append(record.type === 'RESERVE' ? { ...record, windows: record.windows.map(({ window, amount }) => ({ window, amount: window.includes('/tokens/') ? String(BigInt(amount) + 7n) : amount })) } : record),
});

const errorsOf = (logged: readonly string[]): readonly Record<string, unknown>[] => logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ level }) => level === 'error' || level === 50);

describe('the check of the books', () => {
  it('is silent about a busy ledger, whatever is going on while it looks', async () => {
    const home = ledgerHome(LIMITED);
    const problems: unknown[] = [];
    const { ledger } = await home.open({ checkEveryMs: 1, onProblem: (problem) => problems.push(problem) });
    const done = new AbortController();
    const worker = async (): Promise<void> => {
      for (let at = 0; at < 60; at++) {
        const open = await ledger.reserve(request());
        await open.attempt('openai', 'gpt-4o');
        if (at % 5 === 0) await open.void('no');
        else await open.settle(settlement({ cost: cost(at % 7 === 0 ? 5000n : 100n) }));
        if (at % 20 === 0) home.clock.pass(50_000);
      }
    };
    const looking = (async () => {
      let looks = 0;
      for (; !done.signal.aborted; looks++) {
        await nextTurn();
        expect(await ledger.check()).toEqual([]);
      }
      return looks;
    })();
    await Promise.all(Array.from({ length: 8 }, worker));
    done.abort();
    expect(await looking).toBeGreaterThan(3);
    expect(ledger.overrunCount).toBeGreaterThan(0);
    expect([problems, errorsOf(home.logged)]).toEqual([[], []]);
  });

  it('finds by itself a byte of the journal that somebody changed, says so once, and goes on', async () => {
    const home = ledgerHome(LIMITED);
    const found = Promise.withResolvers<string | undefined>();
    const { ledger } = await home.open({ checkEveryMs: 1, onProblem: (problem) => found.resolve(problem) });
    await call(ledger);
    expect(await ledger.check()).toEqual([]);
    bend(home.dir, '"my-app"');
    await call(ledger);
    expect(await found.promise).toMatch(/00000001\.jsonl is damaged at byte \d+: .*tollgate recover/);
    await call(ledger);
    home.problems = [expect.stringContaining('is damaged at byte')];
    expect(await ledger.check()).toEqual(home.problems);
    expect(errorsOf(home.logged)).toMatchObject([{ msg: 'the books do not balance', problems: home.problems }]);
  });

  it('finds a last record that is whole, and not the one that was written', async () => {
    const home = ledgerHome(LIMITED);
    const { ledger } = await home.open();
    await call(ledger);
    const path = join(home.dir, '00000001.jsonl');
    const lines = readFileSync(path, 'latin1').split('\n').slice(0, -1);
    const before = readLine(Buffer.from(`${lines.at(-2)}\n`), 0, lines.at(-2)!.length + 1, 0);
    const last = lines.at(-1)!;
    const offset = lines.slice(0, -1).join('\n').length + 1;
    const { bytes } = encodeLine(last.slice(HEAD_BYTES).replace('my-app', 'no-app'), offset, Number.parseInt(last.slice(18, 26), 16), before?.hash ?? '');
    const file = openSync(path, 'r+');
    writeSync(file, bytes, 0, bytes.length, offset);
    closeSync(file);
    home.problems = [expect.stringContaining('another record than the one that was written')];
    expect(await ledger.check()).toEqual(home.problems);
  });

  it('finds a counter that is not what the journal adds up to; the next start counts anew', async () => {
    const home = ledgerHome(LIMITED);
    const problems: (string | undefined)[] = [];
    const books = await home.open({ onProblem: (problem) => problems.push(problem) }, generous);
    await (await books.ledger.reserve(request())).reserved;
    home.problems = ['client/my-app/tokens/day/2026-11-23: the daemon has 0 settled, 100 reserved, 0 beyond; the journal 0 settled, 107 reserved, 0 beyond'];
    expect(await books.ledger.check()).toEqual(home.problems);
    expect(problems).toEqual(home.problems);
    await books.close();
    expect(existsSync(home.snapshotFile)).toBe(false);
    home.problems = [];
    const { ledger } = await home.open();
    expect(await ledger.check()).toEqual([]);
  });

  it('finds a request that ends twice', async () => {
    const home = ledgerHome(LIMITED);
    const { ledger, journal } = await home.open();
    const id = await call(ledger);
    await journal.append({ type: 'VOID', id, time: home.clock.now(), reason: 'once more' });
    await call(ledger);
    home.problems = [`${id}: it ends in the journal though it is not open there`];
    expect(await ledger.check()).toEqual(home.problems);
  });

  it('finds a window that holds more than its limit ever allowed', async () => {
    const journal = await openAt(journalDir());
    const state = emptyState(calendarOf('UTC')!, []);
    const records = recorder(journal, state);
    const ceilings = new Map([[WINDOW, 1n]]);
    const checks = selfCheck({ journal, state, launch: undefined, desk: { ceilings }, recorder: records, log: makeLogger('debug', { write: () => {} }), onProblem: () => {}, onMiscount: async () => {} });
    await records.record(reserveRecord(1));
    expect(await checks.checkNow()).toEqual([]);
    await records.record(reserveRecord(2));
    expect(await checks.checkNow()).toEqual([`${WINDOW}: 2 is settled and reserved, more than the limit allowed (1)`]);
    await checks.close();
  });

  it('takes no limit that was lowered since for one that is broken', async () => {
    const home = ledgerHome({ tiers: { member: tier({ 'requests/month': 10n }) } });
    const books = await home.open();
    for (let at = 0; at < 5; at++) await call(books.ledger);
    home.config = { ...home.config, tiers: { member: tier({ 'requests/month': 2n }) } };
    expect(await books.ledger.check()).toEqual([]);
    await books.close();
    const { ledger } = await home.open();
    expect(await ledger.check()).toEqual([]);
  });

  it('goes on behind what was summed up', async () => {
    const home = ledgerHome({ ...LIMITED, retention: { rawDays: 1, rawBytes: 1, labels: [] } });
    const { ledger, journal } = await home.open();
    for (let at = 0; at < 3; at++) {
      const open = await ledger.reserve(request());
      await call(ledger);
      await journal.seal();
      home.clock.pass(3 * 86_400_000);
      await call(ledger);
      await ledger.compact();
      expect(journal.segments[0]?.records).toBe(1);
      expect(await ledger.check()).toEqual([]);
      await open.settle(settlement());
    }
  });

  it('leaves alone a journal that cannot be read just now', async () => {
    const home = ledgerHome(LIMITED);
    let isDown = false;
    const { ledger } = await home.open({}, (real) => ({
      ...real,
      replay(after) {
        if (isDown) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
        return real.replay(after);
      },
    }));
    await call(ledger);
    isDown = true;
    await expect(ledger.check()).rejects.toThrow('EIO');
    isDown = false;
    expect(await ledger.check()).toEqual([]);
    expect(errorsOf(home.logged)).toEqual([]);
  });
});
