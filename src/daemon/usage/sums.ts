import { Cost_Provenance, type Cost, type TokenUsage } from '../../gen/tollgate/v1/content.ts';
import type { Generation, UsageRow } from '../../gen/tollgate/v1/usage_service.ts';

/** The counts of TokenUsage, in the order in which they are written. */
const COUNTS = [
  'inputTokens',
  'outputTokens',
  'cacheReadInputTokens',
  'cacheCreationInputTokens',
  'cacheCreation1hInputTokens',
  'reasoningOutputTokens',
  'audioInputTokens',
  'audioOutputTokens',
  'imageOutputTokens',
  'webSearchRequests',
] as const satisfies readonly (keyof TokenUsage)[];

/** What generations come to. A sum of which no part is known is unset. */
export interface Sums {
  requests: number;
  errors: number;
  /** Those whose cost is not known: it is in none of the amounts. */
  unknown: number;
  readonly counts: (bigint | undefined)[];
  expected: bigint | undefined;
  low: bigint;
  high: bigint;
  /** The least that can be relied on of those that are in the amounts. */
  provenance: Cost_Provenance;
  /** "" when they were priced by several lists, or by none; undefined before the first. */
  priceVersion: string | undefined;
}

export const noSums = (): Sums => ({ requests: 0, errors: 0, unknown: 0, counts: COUNTS.map(() => undefined), expected: undefined, low: 0n, high: 0n, provenance: Cost_Provenance.UNSPECIFIED, priceVersion: undefined });

/** From what can be relied on to what cannot. */
const BY_TRUST: readonly Cost_Provenance[] = [Cost_Provenance.UNSPECIFIED, Cost_Provenance.FREE, Cost_Provenance.PROVIDER_REPORTED, Cost_Provenance.PRICED, Cost_Provenance.ESTIMATED];
const lessTrusted = (one: Cost_Provenance, other: Cost_Provenance): Cost_Provenance => (BY_TRUST.indexOf(one) < BY_TRUST.indexOf(other) ? other : one);

const plus = (sum: bigint | undefined, amount: bigint | undefined): bigint | undefined => (amount === undefined ? sum : (sum ?? 0n) + amount);

/** What a generation cost; undefined when that is not known. */
export function knownCost(cost: Cost | undefined): bigint | undefined {
  if (cost === undefined || cost.provenance === Cost_Provenance.UNKNOWN) return undefined;
  return cost.expectedPicoUsd ?? (cost.provenance === Cost_Provenance.FREE ? 0n : undefined);
}

const jointVersion = (one: string | undefined, other: string): string => (one === undefined || one === other ? other : '');

export function addGeneration(sums: Sums, { statusReason, usage, cost }: Pick<Generation, 'statusReason' | 'usage' | 'cost'>): void {
  sums.requests++;
  if (statusReason !== '') sums.errors++;
  if (usage !== undefined) for (const [at, name] of COUNTS.entries()) sums.counts[at] = plus(sums.counts[at], usage[name]);
  const expected = knownCost(cost);
  if (cost === undefined || expected === undefined) {
    sums.unknown++;
    return;
  }
  sums.expected = (sums.expected ?? 0n) + expected;
  sums.low += cost.lowPicoUsd ?? expected;
  sums.high += cost.highPicoUsd ?? expected;
  sums.provenance = lessTrusted(sums.provenance, cost.provenance);
  if (cost.provenance !== Cost_Provenance.FREE) sums.priceVersion = jointVersion(sums.priceVersion, cost.priceVersion);
}

export function addSums(sums: Sums, more: Sums): void {
  sums.requests += more.requests;
  sums.errors += more.errors;
  sums.unknown += more.unknown;
  for (const [at, count] of more.counts.entries()) sums.counts[at] = plus(sums.counts[at], count);
  sums.expected = plus(sums.expected, more.expected);
  sums.low += more.low;
  sums.high += more.high;
  sums.provenance = lessTrusted(sums.provenance, more.provenance);
  if (more.priceVersion !== undefined) sums.priceVersion = jointVersion(sums.priceVersion, more.priceVersion);
}

/** The widest number that the API's fields hold. */
const MAX_INT64 = 2n ** 63n - 1n;
export const int64 = (amount: bigint): bigint => (amount > MAX_INT64 ? MAX_INT64 : amount);

export function usageOf({ counts }: Sums): TokenUsage | undefined {
  if (counts.every((count) => count === undefined)) return undefined;
  return Object.fromEntries(COUNTS.flatMap((name, at) => (counts[at] === undefined ? [] : [[name, int64(counts[at])]])));
}

/** Nothing cost nothing; what nobody knows has no amount. */
export function costOf({ requests, unknown, expected, low, high, provenance, priceVersion }: Sums): Cost {
  if (requests > 0 && expected === undefined) return { provenance: Cost_Provenance.UNKNOWN, priceVersion: '' };
  return { expectedPicoUsd: int64(expected ?? 0n), lowPicoUsd: int64(low), highPicoUsd: unknown > 0 ? undefined : int64(high), provenance, priceVersion: priceVersion ?? '' };
}

export const rowOf = (key: Readonly<Record<string, string>>, sums: Sums): UsageRow => ({
  key: { ...key },
  requestCount: BigInt(sums.requests),
  errorCount: BigInt(sums.errors),
  usage: usageOf(sums),
  cost: costOf(sums),
  unknownCostCount: BigInt(sums.unknown),
});

const text = (amount: bigint | undefined): string => (amount === undefined ? '' : String(amount));
const amountOf = (written: unknown): bigint | undefined => (typeof written === 'string' && /^-?\d+$/.test(written) ? BigInt(written) : undefined);
const countOf = (written: unknown): number => (typeof written === 'number' && Number.isSafeInteger(written) ? written : 0);

/** Sums as they stand in files: amounts as decimal text, "" for what is not known. */
export const writeSums = (sums: Sums): readonly unknown[] => [
  sums.requests,
  sums.errors,
  sums.unknown,
  sums.counts.map(text).join(' ').trimEnd(),
  text(sums.expected),
  text(sums.low),
  text(sums.high),
  sums.provenance,
  sums.priceVersion ?? null,
];

export function readSums(written: readonly unknown[]): Sums {
  const [requests, errors, unknown, counts, expected, low, high, provenance, priceVersion] = written;
  const words = typeof counts === 'string' ? counts.split(' ') : [];
  return {
    requests: countOf(requests),
    errors: countOf(errors),
    unknown: countOf(unknown),
    counts: COUNTS.map((_, at) => amountOf(words[at])),
    expected: amountOf(expected),
    low: amountOf(low) ?? 0n,
    high: amountOf(high) ?? 0n,
    provenance: Object.values(Cost_Provenance).find((each) => each === provenance) ?? Cost_Provenance.UNSPECIFIED,
    priceVersion: typeof priceVersion === 'string' ? priceVersion : undefined,
  };
}
