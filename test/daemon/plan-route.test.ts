import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Attempt_Outcome, Cost_Provenance } from '../../src/gen/tollgate/v1/content.ts';
import { GenerateRequest, type PlannedAttempt } from '../../src/gen/tollgate/v1/generate_service.ts';
import { ErrorClass, ProviderError, started } from '../../src/plugins/provider.ts';
import { hello, scriptedProvider } from './scripted-provider.ts';
import { ask, bearer, generate, rpcFailure, testDaemon, type RpcFailure, type TestDaemon } from './test-daemon.ts';

const { ESTIMATED, FREE, UNKNOWN } = Cost_Provenance;
const cloud = { isLocal: false };
const keyless = { isLocal: false, key: { required: true, format: '', envNames: ['ACME_KEY'] } };
const full = (type: string) =>
  scriptedProvider(type, async function* () {
    yield started();
    throw new ProviderError(ErrorClass.OVERLOADED, 'it is full', { retryAfterMs: 60_000 });
  });

function plan({ generateClient, adminToken }: TestDaemon, request?: Parameters<typeof GenerateRequest.fromPartial>[0]): Promise<PlannedAttempt[]> {
  return new Promise((resolve, reject) => {
    const whole = request === undefined ? undefined : GenerateRequest.fromPartial(request);
    generateClient.planRoute({ request: whole }, bearer(adminToken), (error, response) => (error === null ? resolve(response.attempts) : reject(error)));
  });
}
const failureOf = async (planned: Promise<unknown>): Promise<RpcFailure> => rpcFailure(await planned.then(() => Promise.reject(new Error('it did not fail')), (error: ServiceError) => error));
const brief = (attempts: readonly PlannedAttempt[]) => attempts.map(({ provider, model, reason, because }) => [`${provider}/${model}`, reason, because]);

describe('PlanRoute', () => {
  it('tells whom Generate would ask, in its order, by which rule, and asks nobody', async () => {
    const providers = [scriptedProvider('a', hello), scriptedProvider('b', hello), scriptedProvider('c', hello, keyless), scriptedProvider('d', hello)];
    const daemon = await testDaemon({ providers, config: { aliases: { fast: ['a/x', 'c/y'] }, routing: { fallback_order: ['a', 'd'], max_attempts: 9 } } });
    const routing = { fallbackModels: ['b/z'], allowFallback: true };
    expect(brief(await plan(daemon, { model: 'fast', routing }))).toEqual([
      ['a/x', '', 'alias'],
      ['c/y', 'KEY_MISSING', 'alias'],
      ['b/z', '', 'fallback_models'],
      ['a/default-model', '', 'fallback_order'],
      ['d/default-model', '', 'fallback_order'],
    ]);
    expect(brief(await plan(daemon, { model: 'b/z' }))).toEqual([['b/z', '', 'asked']]);
    expect(brief(await plan(daemon, { model: 'auto' }))[0]).toEqual(['a/default-model', '', 'fallback_order']);
    for (const { requests } of providers) expect(requests).toHaveLength(0);
  });

  it('plans no more attempts than may be made', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('a', hello)], config: { aliases: { many: ['a/1', 'a/2', 'a/3'] }, routing: { max_attempts: 2 } } });
    expect(brief(await plan(daemon, { model: 'many' })).map(([name]) => name)).toEqual(['a/1', 'a/2']);
  });

  it('passes over what cools down, as Generate then does', async () => {
    const daemon = await testDaemon({ providers: [full('a'), scriptedProvider('b', hello)], config: { aliases: { both: ['a/m', 'b/m'] }, routing: { retries: false } } });
    expect(brief(await plan(daemon, { model: 'both' }))).toEqual([['a/m', '', 'alias'], ['b/m', '', 'alias']]);
    await generate(daemon, ask({ model: 'both' }));
    const planned = await plan(daemon, { model: 'both' });
    expect(brief(planned)).toEqual([['a/m', 'ALL_COOLING_DOWN', 'alias'], ['b/m', '', 'alias']]);
    expect(planned[0]?.message).toMatch(/^a cools down until .* after PROVIDER_OVERLOADED$/);
    // The only one is asked all the same.
    expect(brief(await plan(daemon, { model: 'a/m' }))).toEqual([['a/m', '', 'asked']]);
  });

  it('says the most that each can cost: by its price, nothing on this machine, or unknown', async () => {
    const providers = [scriptedProvider('here', hello), scriptedProvider('paid', hello, cloud), scriptedProvider('dark', hello, cloud)];
    const daemon = await testDaemon({ providers, config: { aliases: { all: ['here/m', 'paid/m', 'dark/m'] }, prices: { 'paid/m': { input: '0', output: '1' } } } });
    const costs = (await plan(daemon, { model: 'all', maxOutputTokens: 100 })).map(({ cost }) => [cost?.provenance, cost?.highPicoUsd]);
    // 100 tokens at a dollar for a million.
    expect(costs).toEqual([[FREE, 0n], [ESTIMATED, 100_000_000n], [UNKNOWN, undefined]]);
  });

  it('refuses what Generate would refuse, but for a lack of messages', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('a', hello)] });
    expect(await failureOf(plan(daemon, { model: 'a/m', temperature: 9 }))).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['temperature'] });
    expect(await failureOf(plan(daemon))).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['request'] });
    expect((await failureOf(plan(daemon, { model: 'nobody/m' }))).reason).toBe('PROVIDER_NOT_FOUND');
  });
});

describe('max_cost_pico_usd', () => {
  const providers = () => [scriptedProvider('dark', hello, cloud), scriptedProvider('dear', hello, cloud), scriptedProvider('cheap', hello, cloud)];
  const config = { aliases: { all: ['dark/m', 'dear/m', 'cheap/m'] }, prices: { 'dear/m': { input: '0', output: '10' }, 'cheap/m': { input: '0', output: '1' } } };
  const limited = (maxCostPicoUsd: bigint) => ({ maxOutputTokens: 100, routing: { maxCostPicoUsd } });

  it('passes over whoever can cost more, and whoever nobody knows the price of', async () => {
    const [dark, dear, cheap] = providers();
    const daemon = await testDaemon({ providers: [dark!, dear!, cheap!], config });
    const planned = await plan(daemon, { model: 'all', ...limited(100_000_000n) });
    expect(brief(planned)).toEqual([['dark/m', 'NO_CANDIDATE_FITS', 'alias'], ['dear/m', 'NO_CANDIDATE_FITS', 'alias'], ['cheap/m', '', 'alias']]);
    expect(planned.map(({ message }) => message)).toEqual([
      'no price of dark/m is known, and at most $0.0001 is allowed (routing.max_cost_pico_usd)',
      'dear/m can cost up to $0.001, and at most $0.0001 is allowed (routing.max_cost_pico_usd)',
      '',
    ]);
    const { text, events } = await generate(daemon, ask({ model: 'all', ...limited(100_000_000n) }));
    const last = events.at(-1)?.event;
    expect(text).toBe('hello');
    expect(last?.$case === 'finish' ? last.value.attempts.map(({ outcome, reason }) => [outcome, reason]) : []).toEqual([
      [Attempt_Outcome.SKIPPED, 'NO_CANDIDATE_FITS'],
      [Attempt_Outcome.SKIPPED, 'NO_CANDIDATE_FITS'],
      [Attempt_Outcome.SUCCEEDED, ''],
    ]);
    expect([dark, dear, cheap].map((provider) => provider?.requests.length)).toEqual([0, 0, 1]);
  });

  it('refuses the call when nobody is cheap enough, and nobody is asked', async () => {
    const all = providers();
    const daemon = await testDaemon({ providers: all, config });
    const { failure } = await generate(daemon, ask({ model: 'cheap/m', ...limited(99_999_999n) }));
    expect(failure).toMatchObject({ reason: 'NO_CANDIDATE_FITS', message: expect.stringContaining('max_cost_pico_usd') });
    for (const { requests } of all) expect(requests).toHaveLength(0);
  });
});
