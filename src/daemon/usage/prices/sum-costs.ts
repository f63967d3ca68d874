import { Cost_Provenance, type Cost } from '../../../gen/tollgate/v1/content.ts';

/** From what can be relied on to what cannot. */
const BY_TRUST: readonly Cost_Provenance[] = [Cost_Provenance.FREE, Cost_Provenance.PROVIDER_REPORTED, Cost_Provenance.PRICED, Cost_Provenance.ESTIMATED];

/** What does not say where it comes from is not relied on. */
function placeOf(provenance: Cost_Provenance): number {
  const place = BY_TRUST.indexOf(provenance);
  return place < 0 ? BY_TRUST.length - 1 : place;
}

const isKnown = ({ provenance, expectedPicoUsd }: Cost): boolean => provenance === Cost_Provenance.FREE || expectedPicoUsd !== undefined;

const MAX_INT64 = 2n ** 63n - 1n;
const int64 = (amount: bigint): bigint => (amount > MAX_INT64 ? MAX_INT64 : amount);

const sum = (amounts: readonly (bigint | undefined)[]): bigint => int64(amounts.reduce<bigint>((total, amount) => total + (amount ?? 0n), 0n));

const SEPARATOR = ', ';
const versionsOf = (costs: readonly Cost[]): string => [...new Set(costs.flatMap(({ priceVersion }) => (priceVersion === '' ? [] : priceVersion.split(SEPARATOR))))].sort().join(SEPARATOR);

/**
 * What several calls cost together, e.g. the attempts of a generation. An unknown cost is left out of `expected` and `low`, leaves `high` unset and makes the
 * sum ESTIMATED; with nothing but unknown and free costs the sum is UNKNOWN. The provenance is the least trusted of all. No cost at all is FREE.
 */
export function sumCosts(costs: readonly Cost[]): Cost {
  const known = costs.filter(isKnown);
  const isWhole = known.length === costs.length;
  const isNothingPaid = known.every(({ provenance }) => provenance === Cost_Provenance.FREE);
  if (!isWhole && isNothingPaid) return { provenance: Cost_Provenance.UNKNOWN, priceVersion: '' };
  const high = known.map((cost) => (cost.provenance === Cost_Provenance.FREE ? 0n : cost.highPicoUsd));
  const trust = Math.max(0, ...known.map(({ provenance }) => placeOf(provenance)));
  return {
    expectedPicoUsd: sum(known.map(({ expectedPicoUsd }) => expectedPicoUsd)),
    lowPicoUsd: sum(known.map(({ lowPicoUsd }) => lowPicoUsd)),
    highPicoUsd: isWhole && high.every((amount) => amount !== undefined) ? sum(high) : undefined,
    provenance: isWhole ? (BY_TRUST[trust] ?? Cost_Provenance.ESTIMATED) : Cost_Provenance.ESTIMATED,
    priceVersion: versionsOf(known),
  };
}
