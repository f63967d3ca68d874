import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Cost_Provenance, FinishReason } from '../../../src/gen/tollgate/v1/content.ts';
import { UsageSource } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { ErrorClass, finish, ProviderError, started, textDelta, type Provider } from '../../../src/plugins/provider.ts';
import { hangUp } from '../hang-up.ts';
import { say, scriptedProvider } from '../scripted-provider.ts';
import { onlySettled, usageClient } from '../settled-generations.ts';
import { ask, generate, testDaemon, type Generated } from '../test-daemon.ts';
import { GetQuotaRequest, UsageServiceService } from '../../../src/gen/tollgate/v1/usage_service.ts';
import type { Finish } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { call } from './usage-server.ts';

/** A provider that is not on this machine, and so costs money. */
const paid = (type: string, answer: Parameters<typeof scriptedProvider>[1]): Provider => {
  return scriptedProvider(type, answer, { isLocal: false });
};

const USAGE = { inputTokens: 1000n, outputTokens: 500n };
const done = (usage: Partial<typeof USAGE> | undefined = USAGE, reportedCostPicoUsd?: bigint) =>
  finish({ finishReason: FinishReason.STOP, rawFinishReason: 'stop', responseModel: 'm', usage, reportedCostPicoUsd, providerRequestId: '' });
const PRICES = { 'p/*': { input: '2', output: '10' } };
/** 1,000 × $2 and 500 × $10 a million. */
const COST = 7_000_000_000n;

const answering = (finishing = done()): Provider =>
  paid('p', async function* () {
    yield started();
    yield say('hello');
    yield finishing;
  });

const finishOf = ({ events }: Generated): Finish | undefined => events.flatMap(({ event }) => (event?.$case === 'finish' ? [event.value] : []))[0];

describe('what a generation costs', () => {
  it('is told in its finish and stands in the books, to the pico-USD', async () => {
    const daemon = await testDaemon({ providers: [answering()], config: { prices: PRICES } });
    const told = finishOf(await generate(daemon, ask({ model: 'p/m', labels: { team: 'search' } })));
    const cost = { provenance: Cost_Provenance.PRICED, expectedPicoUsd: COST, lowPicoUsd: COST, highPicoUsd: COST, priceVersion: 'config' };
    expect(told?.cost).toEqual(cost);
    expect(told?.attempts[0]?.cost).toEqual(cost);
    expect(await onlySettled(daemon)).toMatchObject({ generationId: told?.generationId, client: 'admin', model: 'p/m', provider: 'p', usage: USAGE, usageSource: UsageSource.REPORTED, cost, labels: { team: 'search' }, statusReason: '' });
  });

  it('is what the provider says where it says so', async () => {
    const daemon = await testDaemon({ providers: [answering(done(USAGE, 42n))], config: { prices: PRICES } });
    const told = finishOf(await generate(daemon, ask({ model: 'p/m' })));
    expect(told?.cost).toMatchObject({ provenance: Cost_Provenance.PROVIDER_REPORTED, expectedPicoUsd: 42n });
  });

  it('is not known where the price is not, and never 0', async () => {
    const daemon = await testDaemon({ providers: [answering()] });
    const told = finishOf(await generate(daemon, ask({ model: 'p/m' })));
    expect(told?.cost).toMatchObject({ provenance: Cost_Provenance.UNKNOWN, expectedPicoUsd: undefined });
    expect((await onlySettled(daemon)).cost).toMatchObject({ provenance: Cost_Provenance.UNKNOWN, expectedPicoUsd: undefined });
  });

  it('is estimated where an answer breaks off, and the failure tells it', async () => {
    const broken = paid('p', async function* () {
      yield started();
      yield textDelta({ part: 0, text: 'hello '.repeat(100), refusal: false, providerMetadataJson: {} });
      throw new ProviderError(ErrorClass.TRUNCATED, 'cut');
    });
    const daemon = await testDaemon({ providers: [broken], config: { prices: PRICES } });
    const { failure } = await generate(daemon, ask({ model: 'p/m', maxOutputTokens: 1000 }));
    const cost = failure?.generation?.cost;
    expect(failure?.reason).toBe('RESPONSE_TRUNCATED');
    expect(cost?.provenance).toBe(Cost_Provenance.ESTIMATED);
    expect(cost?.lowPicoUsd).toBeLessThanOrEqual(cost?.expectedPicoUsd ?? -1n);
    expect(cost?.expectedPicoUsd).toBeLessThanOrEqual(cost?.highPicoUsd ?? -1n);
    expect(await onlySettled(daemon)).toMatchObject({ statusReason: 'RESPONSE_TRUNCATED', usageSource: UsageSource.ESTIMATED, cost });
  });

  it('is estimated where the caller hangs up, from the input that the provider had counted by then', async () => {
    const counting = paid('p', async function* (_request, { signal }) {
      yield started();
      yield say('hello');
      await once(signal, 'abort');
      throw new ProviderError(ErrorClass.TRUNCATED, 'given up', { usage: { inputTokens: 1000n, outputTokens: 1n } });
    });
    const daemon = await testDaemon({ providers: [counting], config: { prices: PRICES } });
    await hangUp(daemon, ask({ model: 'p/m', maxOutputTokens: 1000 }), 'hello');
    const { cost, ...generation } = await onlySettled(daemon);
    expect(generation).toMatchObject({ statusReason: 'CANCELLED', usageSource: UsageSource.ESTIMATED, usage: { inputTokens: 1000n, outputTokens: 2n }, attempts: [{ reason: 'CANCELLED', message: 'the caller went away' }] });
    expect(cost).toMatchObject({ provenance: Cost_Provenance.ESTIMATED, expectedPicoUsd: 2_020_000_000n, lowPicoUsd: 2_010_000_000n, highPicoUsd: 12_000_000_000n });
  });

  it('is nothing where the provider refused', async () => {
    const refusing = paid('p', async function* () {
      yield started();
      throw new ProviderError(ErrorClass.INVALID_REQUEST, 'no', { httpStatus: 400 });
    });
    const daemon = await testDaemon({ providers: [refusing], config: { prices: PRICES } });
    const { failure } = await generate(daemon, ask({ model: 'p/m' }));
    expect(failure?.generation?.cost).toMatchObject({ provenance: Cost_Provenance.FREE, expectedPicoUsd: 0n });
  });
});

describe('a limit', () => {
  const limited = (limits: Record<string, unknown>) => ({ prices: PRICES, tiers: { admin: limits } });

  it('of requests lets exactly as many of racing calls through', async () => {
    const daemon = await testDaemon({ providers: [answering()], config: limited({ requests: { month: 10 } }) });
    const calls = await Promise.all(Array.from({ length: 50 }, () => generate(daemon, ask({ model: 'p/m', maxOutputTokens: 10 }))));
    expect(calls.filter(({ failure }) => failure === undefined)).toHaveLength(10);
    expect(new Set(calls.flatMap(({ failure }) => failure?.reason ?? []))).toEqual(new Set(['QUOTA_EXCEEDED']));
    const { response } = await call(usageClient(daemon), UsageServiceService.getQuota, GetQuotaRequest.fromPartial({}), daemon.adminToken);
    expect(response?.windows).toEqual([expect.objectContaining({ unit: 'requests', limit: 10n, used: 10n, reserved: 0n })]);
  });

  it('of money refuses what could cost more, and an unknown price', async () => {
    const daemon = await testDaemon({ providers: [answering()], config: limited({ usd: { month: '0.001' } }) });
    const { failure } = await generate(daemon, ask({ model: 'p/m', maxOutputTokens: 1000 }));
    expect(failure?.reason).toBe('BUDGET_EXCEEDED');
    const unknown = await testDaemon({ providers: [answering()], config: { tiers: { admin: { usd: { month: '1' } } } } });
    expect((await generate(unknown, ask({ model: 'p/m' }))).failure?.reason).toBe('BUDGET_EXCEEDED');
  });

  it('of a tier leaves out providers, and says which tier would have them', async () => {
    const daemon = await testDaemon({ providers: [answering()], config: { tiers: { admin: { providers: ['other'] } } } });
    expect((await generate(daemon, ask({ model: 'p/m' }))).failure?.reason).toBe('TIER_TOO_LOW');
  });
});
