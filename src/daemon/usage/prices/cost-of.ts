import { Cost_Provenance, type Cost, type TokenUsage } from '../../../gen/tollgate/v1/content.ts';
import { costOfCounts, costOfGuess, costOfSplit, together, type CostRange } from './cost-range.ts';
import { isLess, toPicoUsd } from './decimal.ts';
import { AUDIO_INPUT_BUCKETS, exactly, INPUT_BUCKETS, OUTPUT_BUCKETS, type Price, type Span } from './price.ts';
import { countOf, partOf, splitInput, splitOutput } from './split-usage.ts';

/** What is known of a call beside its counts. */
export interface CostContext {
  /** What the provider says that it cost: that wins over every list. */
  readonly reportedPicoUsd?: bigint | undefined;
  /** Stands in for what the provider left unset. */
  readonly estimate?: { readonly input: Span; readonly output: Span } | undefined;
  /** Whether the answer was cut off: the output that the provider counted is then no more than what it had come to. */
  readonly isCut?: boolean | undefined;
  /** An embedding has no output. */
  readonly isEmbedding?: boolean | undefined;
}

/** The widest amount that the API's fields hold. Nothing real costs as much: a count is then nonsense. */
const MAX_INT64 = 2n ** 63n - 1n;

const unknownCost = (): Cost => ({ provenance: Cost_Provenance.UNKNOWN, priceVersion: '' });
const certainCost = (picoUsd: bigint, provenance: Cost_Provenance): Cost => ({ expectedPicoUsd: picoUsd, lowPicoUsd: picoUsd, highPicoUsd: picoUsd, provenance, priceVersion: '' });

const NOBODY_KNOWS: Span = { low: 0n, expected: 0n, high: undefined };

const max = (a: bigint, b: bigint): bigint => (a < b ? b : a);
const fromFloor = ({ low, expected, high }: Span, floor: bigint): Span => ({ low: max(low, floor), expected: max(expected, floor), high: high === undefined ? undefined : max(high, floor) });

function costOfRange({ low, expected, high, isPriced }: CostRange, isGuess: boolean, priceVersion: string): Cost {
  if (high === undefined && !isPriced) return unknownCost();
  const [lowPicoUsd, expectedPicoUsd, highPicoUsd] = [toPicoUsd(low), toPicoUsd(expected), high === undefined ? undefined : toPicoUsd(high)];
  if (expectedPicoUsd > MAX_INT64) return unknownCost();
  const isCertain = !isGuess && high !== undefined && !isLess(low, high);
  return {
    lowPicoUsd,
    expectedPicoUsd,
    highPicoUsd: highPicoUsd !== undefined && highPicoUsd <= MAX_INT64 ? highPicoUsd : undefined,
    provenance: isCertain ? Cost_Provenance.PRICED : Cost_Provenance.ESTIMATED,
    priceVersion,
  };
}

function listCost(usage: TokenUsage, { rates, version }: Price, { estimate, isCut, isEmbedding }: CostContext): Cost {
  const inputCount = countOf(usage.inputTokens);
  const outputCount = isEmbedding === true ? 0n : countOf(usage.outputTokens);
  const isWhole = isCut !== true || isEmbedding === true;
  const input = inputCount === undefined ? (estimate?.input ?? NOBODY_KNOWS) : exactly(inputCount);
  const inputCost = inputCount === undefined ? costOfGuess(input, INPUT_BUCKETS, rates, input) : costOfSplit(splitInput(usage, inputCount), [...INPUT_BUCKETS, ...AUDIO_INPUT_BUCKETS], rates, input);
  const outputCost =
    outputCount === undefined || !isWhole
      ? costOfGuess(fromFloor(estimate?.output ?? NOBODY_KNOWS, outputCount ?? 0n), OUTPUT_BUCKETS, rates, input)
      : costOfSplit(splitOutput(isEmbedding === true ? {} : usage, outputCount), OUTPUT_BUCKETS, rates, input);
  const extras = costOfCounts({ request: rates.request === undefined ? 0n : 1n, webSearch: partOf(usage.webSearchRequests) }, rates, input);
  return costOfRange(together([inputCost, outputCost, extras]), inputCount === undefined || outputCount === undefined || !isWhole, version);
}

/**
 * What a call cost. PROVIDER_REPORTED when the provider says so, FREE, PRICED for counts of the provider's times the list's price, rounded up once to a
 * whole pico-USD. ESTIMATED when a count or a price of a part is not known: `low` and `high` hold the truth, `expected` leaves out what nobody knows, and
 * `high` is then unset. UNKNOWN, without amounts, when the price is not known or nothing was counted.
 */
export function costOf(usage: TokenUsage | undefined, price: Price | undefined, context: CostContext = {}): Cost {
  const { reportedPicoUsd } = context;
  if (reportedPicoUsd !== undefined && reportedPicoUsd >= 0n) return certainCost(reportedPicoUsd, Cost_Provenance.PROVIDER_REPORTED);
  if (price === undefined) return unknownCost();
  if (price.provenance === Cost_Provenance.FREE) return certainCost(0n, Cost_Provenance.FREE);
  return listCost(usage ?? {}, price, context);
}
