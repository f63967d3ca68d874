import { type Cost, Cost_Provenance } from '../../gen/tollgate/v1/content.ts';
import { formatMoney } from './money.ts';

/** What something cost, in a few characters: "$0.42", "~$0.42" for an estimate, "free", "unknown". */
export function costText(cost: Cost | undefined): string {
  if (cost === undefined) return 'unknown';
  if (cost.provenance === Cost_Provenance.FREE) return 'free';
  if (cost.expectedPicoUsd === undefined) return 'unknown';
  return `${cost.provenance === Cost_Provenance.ESTIMATED ? '~' : ''}${formatMoney(cost.expectedPicoUsd)}`;
}

const list = (version: string): string => (version === '' ? '' : ` ${version}`);

const SOURCES: Readonly<Record<number, (version: string) => string>> = {
  [Cost_Provenance.PROVIDER_REPORTED]: () => 'as the provider says',
  [Cost_Provenance.PRICED]: (version) => `by the price list${list(version)}`,
  [Cost_Provenance.ESTIMATED]: (version) => `estimated${version === '' ? '' : ` with the price list${list(version)}`}`,
  [Cost_Provenance.FREE]: () => 'it runs on this machine',
};

function rangeOf({ expectedPicoUsd: expected, lowPicoUsd: low, highPicoUsd: high }: Cost): string | undefined {
  if (low === undefined && high === undefined) return undefined;
  if (low === expected && high === expected) return undefined;
  if (high === undefined) return low === undefined ? undefined : `at least ${formatMoney(low)}`;
  return low === undefined ? `at most ${formatMoney(high)}` : `between ${formatMoney(low)} and ${formatMoney(high)}`;
}

/** What something cost and how that is known: "$0.42, by the price list 2026-11-01". */
export function costWithSource(cost: Cost | undefined): string {
  const source = cost === undefined ? undefined : SOURCES[cost.provenance]?.(cost.priceVersion);
  const range = cost === undefined ? undefined : rangeOf(cost);
  if (cost === undefined || (cost.expectedPicoUsd === undefined && cost.provenance !== Cost_Provenance.FREE)) return ['unknown: no price of this model is known', range].filter((piece) => piece !== undefined).join('; ');
  return [costText(cost), source, range].filter((piece) => piece !== undefined).join(', ');
}
