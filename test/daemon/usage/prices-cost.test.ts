import { describe, expect, it } from 'vitest';
import { Cost_Provenance, type Cost, type TokenUsage } from '../../../src/gen/tollgate/v1/content.ts';
import { costOf } from '../../../src/daemon/usage/prices/cost-of.ts';
import { FREE } from '../../../src/daemon/usage/prices/price.ts';
import { sumCosts } from '../../../src/daemon/usage/prices/sum-costs.ts';
import { priceFrom } from './price-rates.ts';

const { PRICED, ESTIMATED, UNKNOWN, PROVIDER_REPORTED } = Cost_Provenance;
const certain = (picoUsd: bigint, provenance: Cost_Provenance = PRICED, priceVersion = 'test'): Cost => ({ expectedPicoUsd: picoUsd, lowPicoUsd: picoUsd, highPicoUsd: picoUsd, provenance, priceVersion });

describe('the cost of a call', () => {
  it.each<[string, TokenUsage, Parameters<typeof priceFrom>[0], bigint]>([
    ['a written cache is not billed as fresh input too (LiteLLM: 0.091311)', { inputTokens: 12_307n, cacheCreationInputTokens: 12_304n, cacheReadInputTokens: 0n, outputTokens: 550n }, { input: 3, cacheCreation: 3.75, output: 15 }, 54_399_000_000n],
    ['a written cache of a dear model (Bifrost: 1.85984625)', { inputTokens: 159_223n, cacheCreationInputTokens: 159_217n, outputTokens: 2745n }, { input: 5, cacheCreation: 6.25, output: 25 }, 1_063_761_250_000n],
    ['a read cache is a part of the prompt (LiteLLM: 0.7642)', { inputTokens: 262_960n, cacheReadInputTokens: 257_955n, outputTokens: 1744n }, { input: 1.25, cacheRead: 0.625, output: 10 }, 184_918_125_000n],
    ['a short answer on a read cache (LiteLLM, streamed: 0.002059)', { inputTokens: 2459n, cacheReadInputTokens: 2455n, outputTokens: 23n }, { input: 0.8, cacheRead: 0.08, output: 4 }, 291_600_000n],
  ])('is right where others are wrong: %s', (_what, usage, table, picoUsd) => {
    expect(costOf(usage, priceFrom(table))).toEqual(certain(picoUsd));
  });

  it('is exact for prices that no float can hold, and is rounded up once', () => {
    expect(costOf({ inputTokens: 1n, outputTokens: 0n }, priceFrom({ input: 0.01875, output: 1 }))).toEqual(certain(18_750n));
    expect(costOf({ inputTokens: 3n, outputTokens: 0n }, priceFrom({ input: 0.1, output: 1 }))).toEqual(certain(300_000n));
    // 3 × 0.3 and 2 × 0.4 pico-USD are 1.7, and 2 when they are rounded up together; apart they would be 2 to 5.
    expect(costOf({ inputTokens: 3n, outputTokens: 2n }, priceFrom({ input: 3e-7, output: 4e-7 }))).toEqual(certain(2n));
  });

  it('takes the tier of the whole prompt, above the limit and not at it', () => {
    const price = priceFrom({ input: { base: 3, tiers: [[200_000, 6]] }, output: { base: 15, tiers: [[200_000, 22.5]] } });
    expect(costOf({ inputTokens: 200_000n, outputTokens: 1n }, price)).toEqual(certain(600_015_000_000n));
    expect(costOf({ inputTokens: 200_001n, outputTokens: 1n }, price)).toEqual(certain(1_200_028_500_000n));
  });

  it('bills each token once, in the bucket that has a price', () => {
    const usage: TokenUsage = {
      inputTokens: 100n, cacheReadInputTokens: 30n, cacheCreationInputTokens: 20n, cacheCreation1hInputTokens: 5n,
      outputTokens: 50n, reasoningOutputTokens: 20n, imageOutputTokens: 10n, webSearchRequests: 2n,
    };
    const whole = priceFrom({ input: 1, cacheRead: 0.1, cacheCreation: 1.25, cacheCreation1h: 2, output: 10, reasoning: 3, imageOutput: 30, request: '0.01', webSearch: '0.02' });
    expect(costOf(usage, whole)).toEqual(certain(BigInt(50 * 1e6 + 30 * 1e5 + 15 * 1.25e6 + 5 * 2e6 + 20 * 1e7 + 20 * 3e6 + 10 * 3e7 + 1e10 + 2 * 2e10)));
    expect(costOf({ ...usage, webSearchRequests: 0n }, priceFrom({ input: 1, output: 10 }))).toEqual(certain(BigInt(100 * 1e6 + 50 * 1e7)));
  });

  it('takes an explicit zero for zero, and the cost that the provider states for the cost', () => {
    expect(costOf({ inputTokens: 0n, outputTokens: 0n }, priceFrom({ input: 1, output: 1 }))).toEqual(certain(0n));
    expect(costOf({ inputTokens: 9n, outputTokens: 9n }, priceFrom({ input: 0, output: 0 }))).toEqual(certain(0n));
    expect(costOf({ inputTokens: 9n }, priceFrom({ input: 1 }), { reportedPicoUsd: 77n })).toEqual(certain(77n, PROVIDER_REPORTED, ''));
    expect(costOf(undefined, undefined, { reportedPicoUsd: 0n })).toEqual(certain(0n, PROVIDER_REPORTED, ''));
  });

  it('is never 0 for want of a price or of counts, but for what is free', () => {
    const nothing: Cost = { provenance: UNKNOWN, priceVersion: '' };
    expect(costOf({ inputTokens: 9n, outputTokens: 9n }, undefined)).toEqual(nothing);
    expect(costOf(undefined, priceFrom({ input: 1, output: 1 }))).toEqual(nothing);
    expect(costOf({ reasoningOutputTokens: 4n }, priceFrom({ input: 1, output: 1 }))).toEqual(nothing);
    expect(costOf({ inputTokens: 9n, outputTokens: 9n }, priceFrom({ imageOutput: 1 }))).toEqual(nothing);
    expect(costOf({ inputTokens: -1n, outputTokens: -1n }, priceFrom({ input: 1, output: 1 }))).toEqual(nothing);
    expect(costOf({ inputTokens: 2n ** 53n, outputTokens: 0n }, priceFrom({ input: 5000, output: 1 }))).toEqual(nothing);
    expect(costOf(undefined, FREE)).toEqual(certain(0n, Cost_Provenance.FREE, ''));
  });

  it('leaves out what is not known, and says that there is more', () => {
    expect(costOf({ outputTokens: 10n }, priceFrom({ input: 1, output: 2 }))).toEqual({ expectedPicoUsd: 20_000_000n, lowPicoUsd: 20_000_000n, highPicoUsd: undefined, provenance: ESTIMATED, priceVersion: 'test' });
    expect(costOf({ inputTokens: 10n, outputTokens: 10n }, priceFrom({ input: 1 }))).toMatchObject({ expectedPicoUsd: 10_000_000n, lowPicoUsd: 10_000_000n, highPicoUsd: undefined, provenance: ESTIMATED });
    expect(costOf({ inputTokens: 10n, outputTokens: 0n, webSearchRequests: 1n }, priceFrom({ input: 1, output: 1 }))).toMatchObject({ expectedPicoUsd: 10_000_000n, highPicoUsd: undefined, provenance: ESTIMATED });
    expect(costOf({ inputTokens: 10n }, priceFrom({ input: 1 }), { isEmbedding: true })).toEqual(certain(10_000_000n));
  });

  it('has a low and a high where the counts leave open what was cached sound', () => {
    const cost = costOf({ inputTokens: 100n, cacheReadInputTokens: 40n, audioInputTokens: 30n, outputTokens: 0n }, priceFrom({ input: 1, cacheRead: 0.25, audioInput: 8, cachedAudioInput: 2, output: 1 }));
    expect(cost).toMatchObject({ expectedPicoUsd: BigInt(30e6 + 10e6 + 240e6), lowPicoUsd: BigInt(60e6 + 10e6 / 4 + 60e6), highPicoUsd: BigInt(30e6 + 10e6 + 240e6), provenance: ESTIMATED });
    // More sound and cache than input: some of the sound must have been cached.
    expect(costOf({ inputTokens: 50n, cacheReadInputTokens: 40n, audioInputTokens: 30n, outputTokens: 0n }, priceFrom({ input: 1, cacheRead: 0.25, audioInput: 8, cachedAudioInput: 2, output: 1 }))).toMatchObject({
      expectedPicoUsd: BigInt(80e6 + 40e6 + 5e6),
      lowPicoUsd: BigInt(10e6 + 60e6 + 2.5e6),
      provenance: ESTIMATED,
    });
    // Without prices of its own for sound it makes no difference.
    expect(costOf({ inputTokens: 100n, cacheReadInputTokens: 40n, audioInputTokens: 30n, outputTokens: 0n }, priceFrom({ input: 1, cacheRead: 0.25, output: 1 }))).toEqual(certain(BigInt(60e6 + 10e6)));
  });

  it('is an estimate when a part is larger than its whole', () => {
    const cost = costOf({ inputTokens: 10n, cacheReadInputTokens: 40n, outputTokens: 5n }, priceFrom({ input: 1, cacheRead: 0.5, output: 2 }));
    expect(cost).toMatchObject({ lowPicoUsd: BigInt(5e6 + 10e6), expectedPicoUsd: BigInt(20e6 + 10e6), highPicoUsd: BigInt(50e6 + 10e6), provenance: ESTIMATED });
    expect(costOf({ inputTokens: 0n, outputTokens: 2n, reasoningOutputTokens: 198n }, priceFrom({ input: 1, output: 2 }))).toMatchObject({ lowPicoUsd: 4_000_000n, expectedPicoUsd: 396_000_000n, highPicoUsd: 400_000_000n, provenance: ESTIMATED });
  });

  it('takes an estimate for what the provider left unset, and its own counts for the rest', () => {
    const price = priceFrom({ input: { base: 1, tiers: [[1000, 2]] }, cacheRead: 0.1, cacheCreation: 1.25, output: { base: 10, tiers: [[1000, 20]] } });
    const estimate = { input: { low: 100n, expected: 200n, high: 2000n }, output: { low: 10n, expected: 20n, high: 100n } };
    expect(costOf(undefined, price, { estimate })).toEqual({ lowPicoUsd: BigInt(10e6 + 100e6), expectedPicoUsd: BigInt(200e6 + 200e6), highPicoUsd: BigInt(4000e6 + 2000e6), provenance: ESTIMATED, priceVersion: 'test' });
    expect(costOf({ inputTokens: 300n }, price, { estimate })).toMatchObject({ lowPicoUsd: BigInt(300e6 + 100e6), expectedPicoUsd: BigInt(300e6 + 200e6), highPicoUsd: BigInt(300e6 + 1000e6), provenance: ESTIMATED });
    // What a cut answer had come to is the least that it came to.
    expect(costOf({ inputTokens: 300n, outputTokens: 50n }, price, { estimate, isCut: true })).toMatchObject({ lowPicoUsd: BigInt(300e6 + 500e6), expectedPicoUsd: BigInt(300e6 + 500e6), highPicoUsd: BigInt(300e6 + 1000e6) });
    expect(costOf({ inputTokens: 300n, outputTokens: 50n }, price, { isCut: true })).toMatchObject({ expectedPicoUsd: BigInt(300e6 + 500e6), highPicoUsd: undefined, provenance: ESTIMATED });
    expect(costOf({ inputTokens: 300n, outputTokens: 50n }, price, { estimate })).toEqual(certain(BigInt(300e6 + 500e6)));
    // A guess does not become a fact by being narrow.
    const five = { low: 5n, expected: 5n, high: 5n };
    expect(costOf(undefined, priceFrom({ input: 1, output: 1 }), { estimate: { input: five, output: five } })).toEqual(certain(10_000_000n, ESTIMATED));
  });
});

describe('the sum of costs', () => {
  const unknown: Cost = { provenance: UNKNOWN, priceVersion: '' };
  const free = certain(0n, Cost_Provenance.FREE, '');

  it('has every amount when every cost is known, and trusts no more than the least trusted', () => {
    expect(sumCosts([certain(5n), certain(7n)])).toEqual(certain(12n));
    expect(sumCosts([certain(5n), certain(7n, PROVIDER_REPORTED, ''), free])).toEqual(certain(12n));
    expect(sumCosts([certain(7n, PROVIDER_REPORTED, ''), free])).toEqual(certain(7n, PROVIDER_REPORTED, ''));
    expect(sumCosts([certain(1n, PRICED, 'config'), certain(1n, PRICED, 'a list')])).toEqual(certain(2n, PRICED, 'a list, config'));
    expect(sumCosts([certain(1n), { expectedPicoUsd: 3n, lowPicoUsd: 2n, highPicoUsd: 9n, provenance: ESTIMATED, priceVersion: 'test' }])).toEqual({ expectedPicoUsd: 4n, lowPicoUsd: 3n, highPicoUsd: 10n, provenance: ESTIMATED, priceVersion: 'test' });
  });

  it('leaves out an unknown cost and has no high then', () => {
    expect(sumCosts([certain(5n), unknown])).toEqual({ expectedPicoUsd: 5n, lowPicoUsd: 5n, highPicoUsd: undefined, provenance: ESTIMATED, priceVersion: 'test' });
    expect(sumCosts([certain(5n), { expectedPicoUsd: 5n, lowPicoUsd: 5n, provenance: ESTIMATED, priceVersion: '' }])).toMatchObject({ expectedPicoUsd: 10n, highPicoUsd: undefined, provenance: ESTIMATED });
  });

  it('is unknown, not 0, when nothing that was paid for is known', () => {
    expect(sumCosts([unknown])).toEqual(unknown);
    expect(sumCosts([free, unknown, unknown])).toEqual(unknown);
  });

  it('is free when nothing or only free things were called', () => {
    expect(sumCosts([])).toEqual(free);
    expect(sumCosts([free, free])).toEqual(free);
  });

  it('stays within what the API can carry', () => {
    expect(sumCosts([certain(2n ** 63n - 1n), certain(2n ** 62n)]).expectedPicoUsd).toBe(2n ** 63n - 1n);
  });
});
