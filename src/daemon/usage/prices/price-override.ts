import { decimalOf, shifted } from './decimal.ts';
import type { Bucket, Rate, Rates } from './price.ts';

/** A price of the config: US dollars as decimal text. What is absent costs what `PARENT` of price.ts says. */
export interface PriceOverride {
  /** Each for a million tokens. */
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  readonly cache_read?: string | undefined;
  readonly cache_creation?: string | undefined;
  readonly cache_creation_1h?: string | undefined;
  readonly reasoning?: string | undefined;
  readonly audio_input?: string | undefined;
  readonly audio_output?: string | undefined;
  readonly image_output?: string | undefined;
  /** For one request, beside its tokens. */
  readonly request?: string | undefined;
  /** For one search. */
  readonly web_search?: string | undefined;
}

/** Prices by `instance/model`; `*` in the name stands for anything. */
export type PriceOverrides = Readonly<Record<string, PriceOverride>>;

const MILLION_PLACES = 6;

const KEYS: readonly (readonly [Bucket, keyof PriceOverride, places: number])[] = [
  ['input', 'input', MILLION_PLACES],
  ['output', 'output', MILLION_PLACES],
  ['cacheRead', 'cache_read', MILLION_PLACES],
  ['cacheCreation', 'cache_creation', MILLION_PLACES],
  ['cacheCreation1h', 'cache_creation_1h', MILLION_PLACES],
  ['reasoning', 'reasoning', MILLION_PLACES],
  ['audioInput', 'audio_input', MILLION_PLACES],
  ['audioOutput', 'audio_output', MILLION_PLACES],
  ['imageOutput', 'image_output', MILLION_PLACES],
  ['request', 'request', 0],
  ['webSearch', 'web_search', 0],
];

export function overrideRates(override: PriceOverride): Rates {
  const rates: Partial<Record<Bucket, Rate>> = {};
  for (const [bucket, key, places] of KEYS) {
    const amount = decimalOf(override[key]);
    if (amount !== undefined) rates[bucket] = { base: shifted(amount, places), tiers: [] };
  }
  return rates;
}
