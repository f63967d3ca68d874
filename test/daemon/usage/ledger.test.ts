import { describe, expect, it } from 'vitest';
import { UsageSource } from '../../../src/gen/tollgate/v1/usage_service.ts';
import type { Journal, JournalRecord } from '../../../src/daemon/usage/journal-record.ts';
import { Failure } from '../../../src/daemon/failure.ts';
import { all, call, cost, DAY, everything, failure, ledgerHome, request, settlement, tier } from './ledger-home.ts';

const TEN = { tiers: { member: tier({ 'requests/month': 10n }) } };

/** What the journal holds, without its positions. */
const recordsOf = async (journal: Pick<Journal, 'replay'>): Promise<JournalRecord[]> => (await all(journal.replay())).map(({ record }) => record);

describe('reservations', () => {
  it('admits exactly as many of 1,000 racing calls as a limit allows, and leaves none open', async () => {
    const { ledger, journal } = await ledgerHome(TEN).open();
    const answers = await Promise.allSettled(Array.from({ length: 1000 }, () => ledger.reserve(request())));
    const admitted = answers.filter((answer) => answer.status === 'fulfilled');
    expect(admitted).toHaveLength(10);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ name: 'requests per month', unit: 'requests', limit: 10n, used: 0n, reserved: 10n }]);
    for (const { value } of admitted) await value.settle(settlement());
    expect(ledger.openCount).toBe(0);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 10n, reserved: 0n }]);
    expect((await failure(ledger.reserve(request()))).reason).toBe('QUOTA_EXCEEDED');
    expect((await recordsOf(journal)).filter(({ type }) => type === 'RESERVE')).toHaveLength(10);
  });

  it('admits as many after others ended as those gave back, while they race', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'tokens/day': 1000n }) } }).open();
    let admitted = 0;
    const one = async (): Promise<void> => {
      try {
        const open = await ledger.reserve(request({ bound: { tokens: 100n, picoUsd: 0n } }));
        admitted++;
        await open.settle(settlement({ usage: { inputTokens: 20n, outputTokens: 30n } }));
        // What was given back can be had at once.
        await one();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
      }
    };
    await Promise.all(Array.from({ length: 30 }, one));
    // 50 each: the 19th leaves 50, which is less than the 100 that a call reserves.
    expect(admitted).toBe(19);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 950n, reserved: 0n }]);
  });

  it('has the reservation, the attempt and the end on the disk before each resolves', async () => {
    const { ledger, journal } = await ledgerHome(TEN).open();
    const types = async (): Promise<string[]> => (await recordsOf(journal)).map(({ type }) => type);
    const open = await ledger.reserve(request());
    await open.reserved;
    expect(await types()).toEqual(['RESERVE']);
    await open.attempt('openai', 'gpt-4o');
    expect(await types()).toEqual(['RESERVE', 'ATTEMPT']);
    await open.settle(settlement());
    expect(await types()).toEqual(['RESERVE', 'ATTEMPT', 'SETTLE']);
  });

  it('records one end, whoever ends it how often', async () => {
    const { ledger, journal } = await ledgerHome(TEN).open();
    const open = await ledger.reserve(request());
    await Promise.all([open.settle(settlement()), open.settle(settlement()), open.void('too late')]);
    await open.void('too late');
    open.checkpoint(5000);
    expect((await recordsOf(journal)).map(({ type }) => type)).toEqual(['RESERVE', 'SETTLE']);
    await expect(open.attempt('openai', 'gpt-4o')).rejects.toThrow('over');
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 1n, reserved: 0n }]);
  });

  it('gives everything back when nobody was called', async () => {
    const { ledger } = await ledgerHome(TEN).open();
    const open = await ledger.reserve(request());
    await open.void('no provider was ready');
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 0n, reserved: 0n }]);
    expect(await everything(ledger)).toEqual([]);
  });

  it('records a checkpoint every 1,000 tokens or 2 seconds, and not more often', async () => {
    const home = ledgerHome(TEN);
    const { ledger, journal } = await home.open();
    const open = await ledger.reserve(request());
    await open.attempt('openai', 'gpt-4o');
    open.checkpoint(999);
    open.checkpoint(1000);
    open.checkpoint(1500);
    home.clock.pass(1999);
    open.checkpoint(1600);
    home.clock.pass(1);
    open.checkpoint(1600);
    home.clock.pass(9000);
    open.checkpoint(1600);
    await open.settle(settlement());
    expect((await recordsOf(journal)).flatMap((record) => (record.type === 'CHECKPOINT' ? [record.outputTokens] : []))).toEqual([1000, 1600]);
  });

  it('takes what a call came to as it is, counts the overrun, and refuses the next', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'pico_usd/day': 1500n }) } }).open();
    const open = await ledger.reserve(request());
    await open.settle(settlement({ cost: cost(5000n) }));
    expect(ledger.overrunCount).toBe(1);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ limit: 1500n, used: 5000n, reserved: 0n }]);
    expect((await failure(ledger.reserve(request({ bound: { tokens: 1n, picoUsd: 1n } })))).reason).toBe('BUDGET_EXCEEDED');
  });

  it('charges what nobody counted of an answer as it was reserved, and nothing for a call that brought nothing', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'tokens/day': 1000n, 'pico_usd/day': 10_000n }) } }).open();
    const unknown = { usage: undefined, cost: cost(undefined) };
    await call(ledger, {}, { ...unknown, statusReason: 'PROVIDER_UNAVAILABLE', timeToFirstTokenMs: undefined });
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 0n }, { used: 0n }]);
    await call(ledger, {}, { ...unknown, statusReason: 'CANCELLED' });
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ unit: 'tokens', used: 100n }, { unit: 'pico_usd', used: 1000n }]);
  });

  it('tells a running call what it may still cost: what it holds, and what nobody else does', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'pico_usd/day': 5000n, 'pico_usd/month': 20_000n }) } }).open();
    const one = await ledger.reserve(request());
    expect(one.budget.maxPicoUsd).toBe(5000n);
    const other = await ledger.reserve(request({ bound: { tokens: 1n, picoUsd: 3000n } }));
    expect(one.budget.maxPicoUsd).toBe(2000n);
    await other.settle(settlement({ cost: cost(500n) }));
    expect(one.budget.maxPicoUsd).toBe(4500n);
    await one.void('');
    const free = await ledger.reserve(request({ tier: 'premium' }));
    expect(free.budget.maxPicoUsd).toBeUndefined();
  });

  it('ends a reservation that nobody has ended for a day: one without a call expires, one with is estimated', async () => {
    const home = ledgerHome(TEN);
    const { ledger, journal } = await home.open();
    const silent = await ledger.reserve(request());
    const called = await ledger.reserve(request());
    await called.attempt('openai', 'gpt-4o');
    home.clock.steadyMs += DAY - 1;
    home.clock.wallMs -= 9 * DAY;
    await (await ledger.reserve(request())).void('');
    expect(ledger.openCount).toBe(2);
    home.clock.steadyMs += 1;
    await (await ledger.reserve(request())).void('');
    await expect.poll(() => ledger.openCount).toBe(0);
    expect((await recordsOf(journal)).filter(({ type }) => type === 'EXPIRE' || type === 'SETTLE')).toHaveLength(2);
    await silent.settle(settlement());
    expect((await everything(ledger)).map(({ usageSource }) => usageSource)).toEqual([UsageSource.CRASH_ESTIMATED]);
  });
});

describe('a journal that cannot be written', () => {
  /** The real journal, which refuses as long as it is told to. */
  const flaky = async () => {
    const home = ledgerHome(TEN);
    let isDown = false;
    const { ledger, journal } = await home.open({}, (real) => ({
      ...real,
      append: (record) => (isDown ? Promise.reject(new Failure('JOURNAL_UNAVAILABLE', 'no room')) : real.append(record)),
    }));
    return { ledger, journal, setDown: (down: boolean) => (isDown = down) };
  };

  it('lets no call through, and holds nothing for it', async () => {
    const { ledger, setDown } = await flaky();
    setDown(true);
    for (let at = 0; at < 20; at++) expect((await failure(ledger.reserve(request()).then((open) => open.attempt('openai', 'gpt-4o')))).reason).toBe('JOURNAL_UNAVAILABLE');
    setDown(false);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 0n, reserved: 0n }]);
    for (let at = 0; at < 10; at++) await call(ledger);
    expect((await failure(ledger.reserve(request()))).reason).toBe('QUOTA_EXCEEDED');
    await ledger.close();
  });

  it('keeps the hold of a call whose end it does not take, and takes that end once it can', async () => {
    const { ledger, journal, setDown } = await flaky();
    const open = await ledger.reserve(request());
    setDown(true);
    expect((await failure(open.settle(settlement()))).reason).toBe('JOURNAL_UNAVAILABLE');
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 0n, reserved: 1n }]);
    setDown(false);
    await expect.poll(() => ledger.openCount, { timeout: 5000 }).toBe(0);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 1n, reserved: 0n }]);
    await ledger.close();
    expect((await recordsOf(journal)).filter(({ type }) => type === 'SETTLE')).toHaveLength(1);
  });

  it('takes that end when the daemon stops, if it can then', async () => {
    const { ledger, journal, setDown } = await flaky();
    const open = await ledger.reserve(request());
    setDown(true);
    await failure(open.settle(settlement()));
    setDown(false);
    await ledger.close();
    expect((await recordsOf(journal)).filter(({ type }) => type === 'SETTLE')).toHaveLength(1);
  });
});
