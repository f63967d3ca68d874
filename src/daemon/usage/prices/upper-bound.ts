import { Cost_Provenance } from '../../../gen/tollgate/v1/content.ts';
import type { UpperBound } from '../ledger.ts';
import { plus, times, toPicoUsd, ZERO } from './decimal.ts';
import { dearest, INPUT_BUCKETS, OUTPUT_BUCKETS, type Price } from './price.ts';
import { inputTokens, type RequestSize } from './request-size.ts';

/** One of the attempts that are planned. */
export interface BoundCandidate {
  /** undefined when it is not known. */
  readonly price: Price | undefined;
  /** The most tokens that this model answers with; undefined when it is not known. */
  readonly maxOutputTokens: bigint | undefined;
}

export interface BoundQuestion {
  readonly size: RequestSize;
  /** The request's own limit. */
  readonly maxOutputTokens: number | undefined;
  readonly candidates: readonly BoundCandidate[];
  /** An embedding has no output. */
  readonly isEmbedding?: boolean | undefined;
}

export interface Bound extends UpperBound {
  readonly inputTokens: bigint;
  /** What is held for the answer. Where the request has no limit of its own this is a promise only if it is sent as the limit. */
  readonly outputTokens: bigint;
}

/** For a model of which no limit is known. */
const ASSUMED_OUTPUT_TOKENS = 16_384n;

const max = (amounts: readonly bigint[]): bigint => amounts.reduce((most, amount) => (amount > most ? amount : most), 0n);

function outputOf({ maxOutputTokens }: BoundCandidate, asked: number | undefined): bigint {
  const known = maxOutputTokens !== undefined && maxOutputTokens > 0n ? maxOutputTokens : undefined;
  if (asked === undefined) return known ?? ASSUMED_OUTPUT_TOKENS;
  const limit = BigInt(Math.max(0, asked));
  return known !== undefined && known < limit ? known : limit;
}

/** Every token at its dearest: written to the cache for an hour, above every tier that is in reach. */
function picoUsdOf(price: Price | undefined, input: bigint, output: bigint): bigint | undefined {
  if (price === undefined) return undefined;
  if (price.provenance === Cost_Provenance.FREE) return 0n;
  const inReach = { low: 0n, high: input };
  const [inputPrice, outputPrice] = [dearest(price.rates, INPUT_BUCKETS, inReach), output === 0n ? ZERO : dearest(price.rates, OUTPUT_BUCKETS, inReach)];
  const request = price.rates.request === undefined ? ZERO : dearest(price.rates, ['request'], inReach);
  if (inputPrice === undefined || outputPrice === undefined || request === undefined) return undefined;
  return toPicoUsd(plus(plus(times(inputPrice, input), times(outputPrice, output)), request));
}

/** What is enough for any one of these. */
export function dearestOf(bounds: readonly UpperBound[]): UpperBound {
  const amounts = bounds.map(({ picoUsd }) => picoUsd);
  const inputs = bounds.flatMap(({ inputTokens: input }) => (input === undefined ? [] : [input]));
  return { tokens: max(bounds.map(({ tokens }) => tokens)), picoUsd: amounts.every((amount) => amount !== undefined) ? max(amounts) : undefined, inputTokens: inputs.length === 0 ? undefined : max(inputs) };
}

/**
 * The most that a call can come to, at the dearest of its planned attempts: what is reserved before anybody is called. Searches that a provider runs by itself
 * are not in it: nobody can say how many there will be.
 */
export function upperBound({ size, maxOutputTokens, candidates, isEmbedding }: BoundQuestion): Bound {
  const input = inputTokens(size).high;
  const outputs = candidates.map((candidate) => (isEmbedding === true ? 0n : outputOf(candidate, maxOutputTokens)));
  const amounts = candidates.map(({ price }, at) => picoUsdOf(price, input, outputs[at] ?? 0n));
  const output = max(outputs);
  return { tokens: input + output, picoUsd: amounts.every((amount) => amount !== undefined) ? max(amounts) : undefined, inputTokens: input, outputTokens: output };
}
