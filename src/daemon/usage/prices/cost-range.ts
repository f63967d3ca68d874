import { least, most, plus, times, ZERO, type Decimal } from './decimal.ts';
import { BUCKETS, cheapest, dearest, priceAt, rateOf, type Bucket, type Rates, type Span } from './price.ts';
import type { Counts, Split } from './split-usage.ts';

/** US dollars, and how far they are known. */
export interface CostRange {
  readonly low: Decimal;
  /** What is not known is left out. */
  readonly expected: Decimal;
  /** undefined when a part is not known. */
  readonly high: Decimal | undefined;
  /** Whether any part of it has a price. */
  readonly isPriced: boolean;
}

const NOTHING: CostRange = { low: ZERO, expected: ZERO, high: ZERO, isPriced: false };
const UNKNOWN: CostRange = { low: ZERO, expected: ZERO, high: undefined, isPriced: false };

const sumOf = (a: CostRange, b: CostRange): CostRange => ({
  low: plus(a.low, b.low),
  expected: plus(a.expected, b.expected),
  high: a.high === undefined || b.high === undefined ? undefined : plus(a.high, b.high),
  isPriced: a.isPriced || b.isPriced,
});

export const together = (ranges: readonly CostRange[]): CostRange => ranges.reduce(sumOf, NOTHING);

function ofBucket(bucket: Bucket, count: bigint, rates: Rates, input: Span): CostRange {
  const rate = rateOf(rates, bucket);
  if (rate === undefined) return UNKNOWN;
  const expected = times(priceAt(rate, input.expected), count);
  if (input.low === input.high) return { low: expected, expected, high: expected, isPriced: true };
  const [few, many] = [cheapest(rates, [bucket], input), dearest(rates, [bucket], input)];
  return { low: few === undefined ? ZERO : times(few, count), expected, high: many === undefined ? undefined : times(many, count), isPriced: true };
}

/** What known counts cost, in a request with so much input: its length decides on the tier. */
export const costOfCounts = (counts: Counts, rates: Rates, input: Span): CostRange =>
  together(
    BUCKETS.flatMap((bucket) => {
      const count = counts[bucket] ?? 0n;
      return count === 0n ? [] : [ofBucket(bucket, count, rates, input)];
    }),
  );

const either = (a: CostRange, b: CostRange): CostRange => ({
  ...a,
  low: least(a.low, b.low),
  high: a.high === undefined || b.high === undefined ? undefined : most(a.high, b.high),
});

/** What split counts cost, whichever way they are meant. `buckets`: what their tokens can be billed as. */
export function costOfSplit({ counts, otherwise, contradiction }: Split, buckets: readonly Bucket[], rates: Rates, input: Span): CostRange {
  const cost = costOfCounts(counts, rates, input);
  if (contradiction === undefined) return otherwise === undefined ? cost : either(cost, costOfCounts(otherwise, rates, input));
  const few = cheapest(rates, buckets, input);
  const many = dearest(rates, buckets, { low: input.low, high: input.high === undefined ? undefined : input.high + contradiction.withParts });
  return {
    ...cost,
    low: few === undefined ? ZERO : times(few, contradiction.whole),
    high: many === undefined ? undefined : times(many, contradiction.withParts),
  };
}

/** What tokens cost that nobody counted: what they were billed as is not known either. The first of `buckets` is the most likely. */
export function costOfGuess(tokens: Span, buckets: readonly [Bucket, ...Bucket[]], rates: Rates, input: Span): CostRange {
  const rate = rateOf(rates, buckets[0]);
  const [few, many] = [cheapest(rates, buckets, input), dearest(rates, buckets, input)];
  if (rate === undefined || few === undefined || many === undefined) return tokens.high === 0n ? NOTHING : UNKNOWN;
  return {
    low: times(few, tokens.low),
    expected: times(priceAt(rate, input.expected), tokens.expected),
    high: tokens.high === undefined ? undefined : times(many, tokens.high),
    isPriced: tokens.expected > 0n,
  };
}
