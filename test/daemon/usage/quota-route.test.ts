import * as fc from 'fast-check';
import { credentials } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Attempt_Outcome, type Attempt } from '../../../src/gen/tollgate/v1/content.ts';
import type { GenerateRequest, PlanRouteResponse } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { GetQuotaRequest, UsageServiceClient, UsageServiceService } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { sleep, systemClock } from '../../../src/daemon/clock.ts';
import { started } from '../../../src/plugins/provider.ts';
import { done, hello, say, scriptedProvider, type ScriptedProvider } from '../scripted-provider.ts';
import { ask, bearer, generate, testDaemon, type Generated, type TestDaemon } from '../test-daemon.ts';
import { failure, ledgerHome, request, tier } from './ledger-home.ts';
import { call } from './usage-server.ts';

const { SKIPPED, SUCCEEDED } = Attempt_Outcome;

function attemptsOf({ events, failure: failed }: Generated): readonly Attempt[] {
  const last = events.at(-1)?.event;
  return last?.$case === 'finish' ? last.value.attempts : (failed?.generation?.attempts ?? []);
}
const steps = (generated: Generated) => attemptsOf(generated).map(({ provider, outcome, reason }) => [provider, outcome, reason]);

const plan = ({ generateClient, adminToken }: TestDaemon, planned: GenerateRequest): Promise<PlanRouteResponse> =>
  new Promise((resolve, reject) => generateClient.planRoute({ request: planned }, bearer(adminToken), (error, response) => (error === null ? resolve(response) : reject(error))));

async function windowsOf({ daemon, adminToken }: TestDaemon) {
  const client = new UsageServiceClient(daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => client.close());
  return (await call(client, UsageServiceService.getQuota, GetQuotaRequest.fromPartial({}), adminToken)).response?.windows ?? [];
}

/** A dollar a token for what `dear` says, a thousandth of a cent for `cheap`, nothing here, and nobody knows for `dark`. */
function world(limits: object, alias: readonly string[]) {
  const providers = Object.fromEntries(['dark', 'dear', 'cheap'].map((name) => [name, scriptedProvider(name, hello, { isLocal: false })]));
  const here: ScriptedProvider = scriptedProvider('here', hello);
  const config = { aliases: { all: alias }, tiers: { admin: limits }, prices: { 'dear/m': { input: '0', output: '1000000' }, 'cheap/m': { input: '0', output: '10' } } };
  const all: Record<string, ScriptedProvider> = { ...providers, here };
  return { all, daemon: () => testDaemon({ providers: Object.values(all), config }) };
}
const asked = (model = 'all') => ask({ model, maxOutputTokens: 100 });

describe('a limit of money', () => {
  it('passes over whoever could cost more than is left, and whoever nobody knows the price of, for one that fits', async () => {
    const { all, daemon: start } = world({ usd: { month: '1' } }, ['dark/m', 'dear/m', 'cheap/m']);
    const daemon = await start();
    const planned = await plan(daemon, asked());
    expect(planned.attempts.map(({ provider, reason }) => [provider, reason])).toEqual([['dark', 'BUDGET_EXCEEDED'], ['dear', 'BUDGET_EXCEEDED'], ['cheap', '']]);
    expect(planned.attempts[0]?.message).toContain('the price of this call is not known');
    expect(planned.attempts[1]?.message).toContain('this call may come to $100.00');
    const generated = await generate(daemon, asked());
    expect(generated.text).toBe('hello');
    expect(steps(generated)).toEqual([['dark', SKIPPED, 'BUDGET_EXCEEDED'], ['dear', SKIPPED, 'BUDGET_EXCEEDED'], ['cheap', SUCCEEDED, '']]);
    expect([all['dark']?.requests.length, all['dear']?.requests.length]).toEqual([0, 0]);
  });

  it('fails no call that can be answered on this machine, where it is free', async () => {
    const { daemon: start } = world({ usd: { month: '0' } }, ['dear/m', 'here/m']);
    expect(steps(await generate(await start(), asked()))).toEqual([['dear', SKIPPED, 'BUDGET_EXCEEDED'], ['here', SUCCEEDED, '']]);
  });

  it('denies the call when nobody fits, with what waiting or paying would change', async () => {
    const { all, daemon: start } = world({ usd: { month: '0.0001' } }, ['dear/m', 'cheap/m']);
    const daemon = await start();
    const { failure: denied } = await generate(daemon, asked());
    expect(denied?.reason).toBe('BUDGET_EXCEEDED');
    const planned = await plan(daemon, asked());
    expect(planned.attempts.map(({ reason }) => reason)).toEqual(['BUDGET_EXCEEDED', 'BUDGET_EXCEEDED']);
    expect(planned.windowsAfter).toMatchObject([{ unit: 'pico_usd', used: 0n, reserved: 0n }]);
    for (const { requests } of Object.values(all)) expect(requests).toHaveLength(0);
  });

  it('holds only what those can cost that are left', async () => {
    const release = Promise.withResolvers<void>();
    const { all, daemon: start } = world({ usd: { month: '1' } }, ['dear/m', 'slow/m']);
    const slow = scriptedProvider('slow', async function* () {
      yield started();
      await release.promise;
      yield say('late');
      yield done({ inputTokens: 1n, outputTokens: 1n });
    });
    all['slow'] = slow;
    const daemon = await start();
    const running = generate(daemon, asked());
    while (slow.requests.length === 0) await sleep(1, new AbortController().signal, systemClock);
    expect(await windowsOf(daemon)).toMatchObject([{ reserved: 0n }]);
    release.resolve();
    expect((await running).text).toBe('late');
  });
});

describe('a plan', () => {
  it('shows the windows as the call would leave them while it runs, and reserves nothing', async () => {
    const { all, daemon: start } = world({ requests: { day: 10 }, tokens: { day: 100_000 }, usd: { month: '1' } }, ['dear/m', 'cheap/m']);
    const daemon = await start();
    const before = await windowsOf(daemon);
    const { windowsAfter } = await plan(daemon, asked());
    // 100 tokens of an answer at $10 a million.
    expect(windowsAfter.map(({ unit, used, reserved }) => [unit, used, reserved > 0n])).toEqual([['requests', 0n, true], ['tokens', 0n, true], ['pico_usd', 0n, true]]);
    expect(windowsAfter.find(({ unit }) => unit === 'requests')?.reserved).toBe(1n);
    expect(windowsAfter.find(({ unit }) => unit === 'pico_usd')?.reserved).toBe(1_000_000_000n);
    expect(await windowsOf(daemon)).toEqual(before);
    await generate(daemon, asked());
    expect((await plan(daemon, asked())).windowsAfter.find(({ unit }) => unit === 'requests')).toMatchObject({ used: 1n, reserved: 1n, limit: 10n });
    for (const name of ['dark', 'dear']) expect(all[name]?.requests).toHaveLength(0);
  });

  it('of a client without limits has none', async () => {
    const { daemon: start } = world({}, ['here/m']);
    expect((await plan(await start(), asked())).windowsAfter).toEqual([]);
  });
});

describe('reservations of several candidates', () => {
  const bound = (tokens: bigint, picoUsd: bigint | undefined) => ({ tokens, picoUsd });

  it('hold the dearest that is allowed, and name why the others are not', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'pico_usd/day': 1000n, 'tokens/day': 500n }) } }).open();
    const open = await ledger.reserve(request({ candidates: [bound(100n, 2000n), bound(100n, 400n), bound(600n, 10n), bound(50n, 300n), bound(10n, undefined)] }));
    expect(open.refusals.map((refusal) => refusal?.reason)).toEqual(['BUDGET_EXCEEDED', undefined, 'QUOTA_EXCEEDED', undefined, 'BUDGET_EXCEEDED']);
    expect(ledger.quota('my-app', 'member').windows.map(({ unit, reserved }) => [unit, reserved])).toEqual([['tokens', 100n], ['pico_usd', 400n]]);
  });

  it('that allow nobody are denied with what waiting solves first', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'pico_usd/day': 1000n }) } }).open();
    await ledger.reserve(request({ bound: bound(1n, 800n) }));
    const denied = await failure(ledger.reserve(request({ candidates: [bound(1n, 5000n), bound(1n, 500n)] })));
    expect(denied.reason).toBe('BUDGET_EXCEEDED');
    expect(denied.retryAfterMs).toBeGreaterThan(0);
  });

  it('in shadow mode pass over nobody', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'pico_usd/day': 1000n }, { shadow: true }) } }).open();
    const open = await ledger.reserve(request({ candidates: [bound(1n, 5000n), bound(1n, 500n)] }));
    expect(open.refusals).toEqual([undefined, undefined]);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ reserved: 5000n }]);
  });

  it('that race never hold more than the limit, and foretell what they then do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.bigInt({ min: 1n, max: 600n }), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 }), async (calls) => {
        const books = await ledgerHome({ tiers: { member: tier({ 'pico_usd/day': 1000n }) } }).open();
        const { ledger } = books;
        await Promise.all(
          calls.map(async (amounts) => {
            const asks = request({ candidates: amounts.map((amount) => bound(1n, amount)) });
            const { refusals, windowsAfter } = ledger.foresee(asks);
            const open = await ledger.reserve(asks).catch(() => undefined);
            expect(windowsAfter[0]!.reserved).toBeLessThanOrEqual(1000n);
            expect(open === undefined).toBe(refusals.every((refusal) => refusal !== undefined));
            if (open !== undefined) expect(open.refusals.map((refusal) => refusal?.reason)).toEqual(refusals.map((refusal) => refusal?.reason));
          }),
        );
        expect(ledger.quota('my-app', 'member').windows[0]!.reserved).toBeLessThanOrEqual(1000n);
        await books.close();
      }),
      { numRuns: 40 },
    );
  });
});
