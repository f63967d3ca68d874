import { arrayOf, isObject, stringOf, type JsonObject } from '../../../plugins/kit/json.ts';
import { decimalOf, shifted } from './decimal.ts';
import type { Bucket, Rate, Rates } from './price.ts';

/** The price list's word for a bucket, and for how many pieces it states a price: 10^6 tokens, 10^3 requests. */
const KEYS: readonly (readonly [Bucket, key: string, places: number])[] = [
  ['input', 'input_mtok', 6],
  ['cacheRead', 'cache_read_mtok', 6],
  ['cacheCreation', 'cache_write_mtok', 6],
  ['cacheCreation1h', 'cache_write_1h_mtok', 6],
  ['audioInput', 'input_audio_mtok', 6],
  ['cachedAudioInput', 'cache_audio_read_mtok', 6],
  ['output', 'output_mtok', 6],
  ['reasoning', 'output_reasoning_mtok', 6],
  ['audioOutput', 'output_audio_mtok', 6],
  ['imageOutput', 'output_image_mtok', 6],
  ['request', 'requests_kcount', 3],
  ['webSearch', 'web_searches_kcount', 3],
];

function readTier(tier: unknown, places: number): Rate['tiers'][number] | undefined {
  if (!isObject(tier)) return undefined;
  const price = decimalOf(tier['price']);
  const start = tier['start'];
  if (price === undefined || typeof start !== 'number' || !Number.isSafeInteger(start) || start < 0) return undefined;
  return { aboveInputTokens: BigInt(start), price: shifted(price, places) };
}

/** A number, or a base with tiers. undefined for anything else: a price that cannot be read is not known. */
function readRate(price: unknown, places: number): Rate | undefined {
  const base = decimalOf(isObject(price) ? price['base'] : price);
  if (base === undefined) return undefined;
  const tiers = isObject(price) ? arrayOf(price['tiers']).map((tier) => readTier(tier, places)) : [];
  if (!tiers.every((tier) => tier !== undefined)) return undefined;
  return { base: shifted(base, places), tiers: tiers.toSorted((a, b) => Number(a.aboveInputTokens - b.aboveInputTokens)) };
}

/** A table is read once: it is the same for every call. */
const read = new WeakMap<JsonObject, Rates>();

function readRates(prices: JsonObject): Rates {
  const known = read.get(prices);
  if (known !== undefined) return known;
  const rates: Partial<Record<Bucket, Rate>> = {};
  for (const [bucket, key, places] of KEYS) {
    const rate = readRate(prices[key], places);
    if (rate !== undefined) rates[bucket] = rate;
  }
  read.set(prices, rates);
  return rates;
}

const DAY_S = 86_400;
const CLOCK = /^(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** The second of the UTC day of a time such as "16:30:00Z". NaN for what is none: then nothing is within it. */
function secondOf(clock: unknown): number {
  const match = CLOCK.exec(stringOf(clock) ?? '');
  if (match === null) return Number.NaN;
  const [, hours, minutes, seconds, sign, zoneHours = '0', zoneMinutes = '0'] = match;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60 * (sign === '-' ? -1 : 1);
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) - zone + DAY_S) % DAY_S;
}

function holds(constraint: JsonObject, at: Date): boolean {
  if ('start_date' in constraint) return at.getTime() >= Date.parse(stringOf(constraint['start_date']) ?? '');
  const now = (at.getTime() / 1000) % DAY_S;
  const [start, end] = [secondOf(constraint['start_time']), secondOf(constraint['end_time'])];
  return end < start ? now >= start || now < end : now >= start && now < end;
}

/**
 * The rates that held at a time. A model's prices are one table, or several of which the last that is in force counts, and the first when
 * none is.
 */
export function ratesAt(prices: unknown, at: Date): Rates {
  if (!Array.isArray(prices)) return isObject(prices) ? readRates(prices) : {};
  const tables = prices.filter(isObject);
  const inForce = tables.findLast(({ constraint }) => constraint === undefined || (isObject(constraint) && holds(constraint, at))) ?? tables[0];
  return isObject(inForce?.['prices']) ? readRates(inForce['prices']) : {};
}
