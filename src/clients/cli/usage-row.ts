import { Cost_Provenance, type TokenUsage } from '../../gen/tollgate/v1/content.ts';
import type { UsageRow } from '../../gen/tollgate/v1/usage_service.ts';
import { formatMoney, formatTokens } from './money.ts';

/** A count that nobody reported is not zero. */
export const tokensText = (count: bigint | undefined): string => (count === undefined ? '-' : formatTokens(count));

/** "1.2k in, 345 out": only what is known. Empty when nothing is. */
export function inAndOut({ inputTokens, outputTokens }: Pick<TokenUsage, 'inputTokens' | 'outputTokens'>): string {
  return [
    ...(inputTokens === undefined ? [] : [`${formatTokens(inputTokens)} in`]),
    ...(outputTokens === undefined ? [] : [`${formatTokens(outputTokens)} out`]),
  ].join(', ');
}

/** What a group cost: "$0.42", with a "+ ?" where some of it is not known; "free" when all of it was. */
export function rowCost({ cost, unknownCostCount, requestCount }: Pick<UsageRow, 'cost' | 'unknownCostCount' | 'requestCount'>): string {
  if (cost?.provenance === Cost_Provenance.FREE && unknownCostCount === 0n) return 'free';
  const known = cost?.expectedPicoUsd;
  if (known === undefined) return requestCount > 0n ? 'unknown' : '-';
  if (unknownCostCount === 0n) return formatMoney(known);
  return unknownCostCount === requestCount ? 'unknown' : `${formatMoney(known)} + ?`;
}

/** So that a sum is not taken for the whole. */
export const unknownNote = (unknown: bigint, requests: bigint): string => `The cost of ${unknown} of ${requests} request${requests === 1n ? '' : 's'} is not known and is in no sum.`;

/** The dearest first; of two that cost the same, the one asked more often. */
export function byCost(one: UsageRow, other: UsageRow): number {
  const [a, b] = [one.cost?.expectedPicoUsd ?? -1n, other.cost?.expectedPicoUsd ?? -1n];
  if (a !== b) return a > b ? -1 : 1;
  return Number(other.requestCount - one.requestCount);
}

const plus = (a: bigint | undefined, b: bigint | undefined): bigint | undefined => (a === undefined ? b : a + (b ?? 0n));

/** What all groups come to. */
export function totalOf(rows: readonly UsageRow[]): UsageRow {
  const sum = (countOf: (row: UsageRow) => bigint | undefined): bigint | undefined => rows.map(countOf).reduce(plus, undefined);
  const expectedPicoUsd = sum(({ cost }) => cost?.expectedPicoUsd);
  const isFree = rows.length > 0 && rows.every(({ cost }) => cost?.provenance === Cost_Provenance.FREE);
  return {
    key: {},
    requestCount: sum(({ requestCount }) => requestCount) ?? 0n,
    errorCount: sum(({ errorCount }) => errorCount) ?? 0n,
    usage: { inputTokens: sum(({ usage }) => usage?.inputTokens), outputTokens: sum(({ usage }) => usage?.outputTokens) },
    cost: { expectedPicoUsd, provenance: isFree ? Cost_Provenance.FREE : Cost_Provenance.UNSPECIFIED, priceVersion: '' },
    unknownCostCount: sum(({ unknownCostCount }) => unknownCostCount) ?? 0n,
  };
}
