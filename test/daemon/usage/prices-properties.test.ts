import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cost_Provenance, type Cost, type TokenUsage } from '../../../src/gen/tollgate/v1/content.ts';
import { costOf } from '../../../src/daemon/usage/prices/cost-of.ts';
import { decimalOf, isLess, plus, shifted, times, toPicoUsd } from '../../../src/daemon/usage/prices/decimal.ts';
import { rateOf, type Bucket, type Price } from '../../../src/daemon/usage/prices/price.ts';
import { splitInput, splitOutput, type Counts } from '../../../src/daemon/usage/prices/split-usage.ts';
import { sumCosts } from '../../../src/daemon/usage/prices/sum-costs.ts';
import { priceFrom } from './price-rates.ts';

const count = fc.bigInt(0n, 3_000_000n);
/** As price lists have them, and as nobody should write them. */
const dollars = fc.oneof(fc.integer({ min: 0, max: 200_000 }).map((thousandths) => thousandths / 1000), fc.constantFrom(0.08333333333333334, 7e-3, 1e-7, 0.01875, 0.003625), fc.double({ min: 1e-12, max: 500, noNaN: true }).map((value) => Number(value.toPrecision(9))));
/** For one search: nobody's searches come to more than the API's fields hold. */
const cents = fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000);

/** Parts that fit into their wholes. */
const consistent = fc.record({ fresh: count, read: count, for5m: count, for1h: count, text: count, reasoning: count, audioOutput: count, image: count, searches: fc.bigInt(0n, 50n) });
type Parts = typeof consistent extends fc.Arbitrary<infer T> ? T : never;

const usageOf = (parts: Parts): TokenUsage => ({
  inputTokens: parts.fresh + parts.read + parts.for5m + parts.for1h,
  cacheReadInputTokens: parts.read,
  cacheCreationInputTokens: parts.for5m + parts.for1h,
  cacheCreation1hInputTokens: parts.for1h,
  outputTokens: parts.text + parts.reasoning + parts.audioOutput + parts.image,
  reasoningOutputTokens: parts.reasoning,
  audioOutputTokens: parts.audioOutput,
  imageOutputTokens: parts.image,
  webSearchRequests: parts.searches,
});

const table = fc.record(
  { input: dollars, cacheRead: dollars, cacheCreation: dollars, cacheCreation1h: dollars, output: dollars, reasoning: dollars, audioOutput: dollars, imageOutput: dollars, request: cents, webSearch: cents },
  { requiredKeys: ['input', 'output', 'webSearch'] },
);

/** Prices that rise with the length of the prompt. */
const tiered = fc.record({ base: dollars, more: dollars, above: fc.integer({ min: 0, max: 4_000_000 }) }).map(({ base, more, above }) => ({ base, tiers: [[above, base + more]] as const }));

/** A fraction, added and compared the slow way. */
class Fraction {
  readonly top: bigint;
  readonly bottom: bigint;

  constructor(top: bigint, bottom: bigint) {
    this.top = top;
    this.bottom = bottom;
  }
  static of(value: number): Fraction {
    const [mantissa = '', exponent = '0'] = value.toString().split('e');
    const [whole = '', rest = ''] = mantissa.split('.');
    const power = Number(exponent) - rest.length;
    return power >= 0 ? new Fraction(BigInt(whole + rest) * 10n ** BigInt(power), 1n) : new Fraction(BigInt(whole + rest), 10n ** BigInt(-power));
  }
  add(other: Fraction): Fraction {
    return new Fraction(this.top * other.bottom + other.top * this.bottom, this.bottom * other.bottom);
  }
  by(n: bigint, d: bigint = 1n): Fraction {
    return new Fraction(this.top * n, this.bottom * d);
  }
  /** Up to a whole number. */
  up(): bigint {
    return this.top / this.bottom + (this.top % this.bottom === 0n ? 0n : 1n);
  }
}

const MILLION = 1_000_000n;
const PICO = 10n ** 12n;

describe('an exact decimal', () => {
  it('is added, multiplied, compared and rounded like a fraction', () => {
    fc.assert(
      fc.property(dollars, dollars, count, (a, b, n) => {
        const [one, other] = [decimalOf(a)!, decimalOf(b)!];
        const slow = Fraction.of(a).by(n).add(Fraction.of(b)).by(PICO, MILLION).up();
        expect(toPicoUsd(shifted(plus(times(one, n), other), 6))).toBe(slow);
        expect(isLess(one, other)).toBe(a < b);
      }),
    );
  });

  it('is none for what is no price', () => {
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, '', '.5', '1.', '1,5', '0x1', ' 1', '1e999', 'a', null, undefined, {}, true]) expect(decimalOf(value)).toBeUndefined();
    expect(decimalOf(1e21)).toEqual({ digits: 10n ** 21n, scale: 0 });
    expect(decimalOf('8E-7')).toEqual({ digits: 8n, scale: 7 });
  });
});

describe('the buckets of any usage', () => {
  const sum = (counts: Counts): bigint => Object.values(counts).reduce((total, each) => total + each, 0n);

  it('come to the totals of the provider, each token in one', () => {
    fc.assert(
      fc.property(consistent, count, (parts, audio) => {
        const usage = usageOf(parts);
        const input = splitInput({ ...usage, audioInputTokens: audio }, usage.inputTokens!);
        const output = splitOutput(usage, usage.outputTokens!);
        expect(sum(output.counts)).toBe(usage.outputTokens);
        if (input.contradiction === undefined) for (const counts of [input.counts, input.otherwise ?? input.counts]) expect(sum(counts)).toBe(usage.inputTokens);
      }),
    );
  });

  it('are never negative, and contradict each other only where parts exceed their whole', () => {
    const any = fc.option(count, { nil: undefined });
    fc.assert(
      fc.property(count, any, any, any, any, (whole, read, created, for1h, audio) => {
        const { counts, otherwise, contradiction } = splitInput({ cacheReadInputTokens: read, cacheCreationInputTokens: created, cacheCreation1hInputTokens: for1h, audioInputTokens: audio }, whole);
        for (const each of [...Object.values(counts), ...Object.values(otherwise ?? {})]) expect(each >= 0n).toBe(true);
        const inCache = (read ?? 0n) + (created ?? for1h ?? 0n);
        const fits = (created === undefined || (for1h ?? 0n) <= created) && inCache <= whole && (audio ?? 0n) <= whole && (audio ?? 0n) + (created ?? for1h ?? 0n) <= whole;
        expect(contradiction === undefined).toBe(fits);
      }),
    );
  });
});

describe('the cost of any usage', () => {
  it('equals the slow sum of fractions, rounded up once', () => {
    fc.assert(
      fc.property(consistent, table, (parts, prices) => {
        const price = priceFrom(prices);
        const each: readonly (readonly [number | undefined, bigint, bigint])[] = [
          [prices.input, parts.fresh, MILLION],
          [prices.cacheRead ?? prices.input, parts.read, MILLION],
          [prices.cacheCreation ?? prices.input, parts.for5m, MILLION],
          [prices.cacheCreation1h ?? prices.cacheCreation ?? prices.input, parts.for1h, MILLION],
          [prices.output, parts.text, MILLION],
          [prices.reasoning ?? prices.output, parts.reasoning, MILLION],
          [prices.audioOutput ?? prices.output, parts.audioOutput, MILLION],
          [prices.imageOutput ?? prices.output, parts.image, MILLION],
          [prices.request ?? 0, 1n, 1n],
          [prices.webSearch, parts.searches, 1n],
        ];
        const slow = each.reduce((sum, [rate, n, per]) => sum.add(Fraction.of(rate ?? 0).by(n, per)), new Fraction(0n, 1n)).by(PICO).up();
        expect(costOf(usageOf(parts), price)).toEqual({ expectedPicoUsd: slow, lowPicoUsd: slow, highPicoUsd: slow, provenance: Cost_Provenance.PRICED, priceVersion: 'test' });
      }),
    );
  });

  it('never falls when a bucket grows, tiers or not', () => {
    const fields = fc.constantFrom<keyof Parts>('fresh', 'read', 'for5m', 'for1h', 'text', 'reasoning', 'audioOutput', 'image', 'searches');
    const prices = fc.oneof(table, fc.record({ input: tiered, cacheRead: tiered, output: tiered, webSearch: cents }));
    fc.assert(
      fc.property(consistent, prices, fields, fc.bigInt(1n, 100_000n), (parts, rates, field, more) => {
        const price = priceFrom(rates);
        const before = costOf(usageOf(parts), price).expectedPicoUsd!;
        expect(costOf(usageOf({ ...parts, [field]: parts[field] + more }), price).expectedPicoUsd! >= before).toBe(true);
      }),
    );
  });

  it('has low ≤ expected ≤ high whatever the counts say', () => {
    const any = fc.option(count, { nil: undefined });
    const usage = fc.record({ inputTokens: any, outputTokens: any, cacheReadInputTokens: any, cacheCreationInputTokens: any, cacheCreation1hInputTokens: any, reasoningOutputTokens: any, audioInputTokens: any, audioOutputTokens: any, imageOutputTokens: any });
    const span = fc.tuple(count, count, count).map(([low, some, more]) => ({ low, expected: low + some, high: low + some + more }));
    const prices = fc.record({ input: fc.oneof(dollars, tiered), cacheRead: dollars, cacheCreation: dollars, audioInput: dollars, output: fc.oneof(dollars, tiered), reasoning: dollars }, { requiredKeys: ['input', 'output'] });
    fc.assert(
      fc.property(usage, prices, span, span, fc.boolean(), (counts, rates, input, output, isCut) => {
        const cost = costOf(counts, priceFrom(rates), { estimate: { input, output }, isCut });
        expect(cost.lowPicoUsd! <= cost.expectedPicoUsd!).toBe(true);
        expect(cost.highPicoUsd === undefined || cost.expectedPicoUsd! <= cost.highPicoUsd).toBe(true);
      }),
    );
  });

  it('lies within the estimate that was made without its counts', () => {
    fc.assert(
      fc.property(consistent, table, fc.bigInt(0n, 5000n), (parts, prices, slack) => {
        const usage = usageOf({ ...parts, searches: 0n });
        const around = (whole: bigint) => ({ low: whole > slack ? whole - slack : 0n, expected: whole, high: whole + slack });
        const price: Price = priceFrom(prices);
        const truth = costOf(usage, price).expectedPicoUsd!;
        const guess = costOf(undefined, price, { estimate: { input: around(usage.inputTokens!), output: around(usage.outputTokens!) } });
        expect(guess.lowPicoUsd! <= truth && truth <= guess.highPicoUsd!).toBe(true);
        expect(guess.provenance).toBe(Cost_Provenance.ESTIMATED);
      }),
    );
  });
});

describe('the sum of any costs', () => {
  const amount = fc.bigInt(0n, 10n ** 15n);
  const some = fc.oneof(
    fc.tuple(amount, fc.constantFrom(Cost_Provenance.PRICED, Cost_Provenance.PROVIDER_REPORTED), fc.constantFrom('a', 'b', '')).map(([n, provenance, priceVersion]): Cost => ({ expectedPicoUsd: n, lowPicoUsd: n, highPicoUsd: n, provenance, priceVersion })),
    fc.tuple(amount, amount, fc.option(amount, { nil: undefined })).map(([low, more, most]): Cost => ({ lowPicoUsd: low, expectedPicoUsd: low + more, highPicoUsd: most === undefined ? undefined : low + more + most, provenance: Cost_Provenance.ESTIMATED, priceVersion: 'a' })),
    fc.constant<Cost>({ provenance: Cost_Provenance.UNKNOWN, priceVersion: '' }),
    fc.constant<Cost>({ expectedPicoUsd: 0n, lowPicoUsd: 0n, highPicoUsd: 0n, provenance: Cost_Provenance.FREE, priceVersion: '' }),
  );

  it('does not depend on the order, nor on what was summed before', () => {
    fc.assert(
      fc.property(fc.array(some, { maxLength: 6 }), fc.array(some, { minLength: 1, maxLength: 6 }), (one, other) => {
        const all = sumCosts([...one, ...other]);
        expect(sumCosts([...one, ...other].toReversed())).toEqual(all);
        expect(sumCosts([...one, sumCosts(other)])).toEqual(all);
      }),
    );
  });

  it('has a high only when everything in it has one', () => {
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 6 }), (costs) => {
        expect(sumCosts(costs).highPicoUsd !== undefined).toBe(costs.every(({ highPicoUsd }) => highPicoUsd !== undefined));
      }),
    );
  });
});

it('has no bucket whose parent leads back to it', () => {
  const buckets: readonly Bucket[] = ['cacheRead', 'cacheCreation1h', 'cachedAudioInput', 'audioInput', 'imageOutput', 'request', 'webSearch'];
  expect(buckets.map((bucket) => rateOf({}, bucket))).toEqual(buckets.map(() => undefined));
});
