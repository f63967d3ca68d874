import { Cost_Provenance } from '../../../src/gen/tollgate/v1/content.ts';
import { decimalOf, shifted, type Decimal } from '../../../src/daemon/usage/prices/decimal.ts';
import type { Bucket, Price, Rate } from '../../../src/daemon/usage/prices/price.ts';

/** A price for each bucket, in US dollars for a million (searches and requests: for one). */
export type Table = Partial<Record<Bucket, number | string | { readonly base: number | string; readonly tiers: readonly (readonly [above: number, price: number | string])[] }>>;

function dollars(value: number | string, bucket: Bucket): Decimal {
  const decimal = decimalOf(value);
  if (decimal === undefined) throw new Error(`${value} is no price`);
  return bucket === 'request' || bucket === 'webSearch' ? decimal : shifted(decimal, 6);
}

export function priceFrom(table: Table): Price {
  const rates: Partial<Record<Bucket, Rate>> = {};
  for (const [bucket, price] of Object.entries(table) as [Bucket, NonNullable<Table[Bucket]>][]) {
    rates[bucket] =
      typeof price === 'object'
        ? { base: dollars(price.base, bucket), tiers: price.tiers.map(([above, each]) => ({ aboveInputTokens: BigInt(above), price: dollars(each, bucket) })) }
        : { base: dollars(price, bucket), tiers: [] };
  }
  return { provenance: Cost_Provenance.PRICED, version: 'test', listedAs: 'model', rates };
}
