import { Cost_Provenance } from '../../../gen/tollgate/v1/content.ts';
import { least, most, type Decimal } from './decimal.ts';

/** What is paid for one by one. A token is in exactly one of them. */
export const BUCKETS = [
  'input',
  'cacheRead',
  'cacheCreation',
  'cacheCreation1h',
  'audioInput',
  'cachedAudioInput',
  'output',
  'reasoning',
  'audioOutput',
  'imageOutput',
  'request',
  'webSearch',
] as const;

export type Bucket = (typeof BUCKETS)[number];

/** US dollars for one token or piece. */
export interface Rate {
  readonly base: Decimal;
  /** What holds for the whole request instead when it is longer; the lowest first. */
  readonly tiers: readonly { readonly aboveInputTokens: bigint; readonly price: Decimal }[];
}

export type Rates = Readonly<Partial<Record<Bucket, Rate>>>;

/** What a model costs. */
export interface Price {
  readonly provenance: Cost_Provenance.FREE | Cost_Provenance.PRICED;
  /** The price list. "" for what is free. */
  readonly version: string;
  /** The name under which the list has the model. "" for what is free. */
  readonly listedAs: string;
  readonly rates: Rates;
}

export const FREE: Price = { provenance: Cost_Provenance.FREE, version: '', listedAs: '', rates: {} };

/** A bucket without a price of its own costs what this one costs: so the price lists mean it. */
const PARENT: Readonly<Partial<Record<Bucket, Bucket>>> = {
  cacheRead: 'input',
  cacheCreation: 'input',
  cacheCreation1h: 'cacheCreation',
  audioInput: 'input',
  cachedAudioInput: 'cacheRead',
  reasoning: 'output',
  audioOutput: 'output',
  imageOutput: 'output',
};

/** The rate of a bucket; undefined when the list has none. */
export function rateOf(rates: Rates, bucket: Bucket): Rate | undefined {
  const own = rates[bucket];
  const parent = PARENT[bucket];
  return own !== undefined || parent === undefined ? own : rateOf(rates, parent);
}

/** What one costs in a request of this many input tokens. */
export const priceAt = ({ base, tiers }: Rate, inputTokens: bigint): Decimal => tiers.findLast(({ aboveInputTokens }) => inputTokens > aboveInputTokens)?.price ?? base;

/** How many tokens something has, or may have. */
export interface Span {
  readonly low: bigint;
  /** The best single guess. */
  readonly expected: bigint;
  /** undefined when nobody knows. */
  readonly high: bigint | undefined;
}

export const exactly = (count: bigint): Span => ({ low: count, expected: count, high: count });

/** Every price of a rate that a request of so many input tokens can meet. */
function reachable(rate: Rate, { low, high }: Pick<Span, 'low' | 'high'>): readonly Decimal[] {
  const above = rate.tiers.filter(({ aboveInputTokens }) => aboveInputTokens >= low && (high === undefined || aboveInputTokens < high));
  return [priceAt(rate, low), ...above.map(({ price }) => price)];
}

function pick(rates: Rates, buckets: readonly Bucket[], inputTokens: Pick<Span, 'low' | 'high'>, better: (a: Decimal, b: Decimal) => Decimal): Decimal | undefined {
  const each = buckets.map((bucket) => rateOf(rates, bucket));
  return each.every((rate) => rate !== undefined) ? each.flatMap((rate) => reachable(rate, inputTokens)).reduce(better) : undefined;
}

/** The dearest that one of these can cost; undefined when one of them has no price. */
export const dearest = (rates: Rates, buckets: readonly Bucket[], inputTokens: Pick<Span, 'low' | 'high'>): Decimal | undefined => pick(rates, buckets, inputTokens, most);

/** The least that one of these can cost; undefined when one of them has no price. */
export const cheapest = (rates: Rates, buckets: readonly Bucket[], inputTokens: Pick<Span, 'low' | 'high'>): Decimal | undefined => pick(rates, buckets, inputTokens, least);

/** What a request's content can be billed as: it carries no sound. The plain one first. */
export const INPUT_BUCKETS = ['input', 'cacheRead', 'cacheCreation', 'cacheCreation1h'] as const;
export const AUDIO_INPUT_BUCKETS = ['audioInput', 'cachedAudioInput'] as const;
/** What an answer can be billed as. The plain one first. */
export const OUTPUT_BUCKETS = ['output', 'reasoning', 'audioOutput', 'imageOutput'] as const;
