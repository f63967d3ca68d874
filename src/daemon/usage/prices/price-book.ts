import { Cost_Provenance } from '../../../gen/tollgate/v1/content.ts';
import { fitsGlob } from '../../access/glob.ts';
import type { ProviderInstance } from '../../plugins/provider-instance.ts';
import type { Catalogue } from './catalogue.ts';
import { FREE, type Price } from './price.ts';
import { overrideRates, type PriceOverride, type PriceOverrides } from './price-override.ts';

export interface PriceQuestion {
  readonly instance: Pick<ProviderInstance, 'name' | 'isLocal' | 'provider'>;
  /** The model that was asked, by the provider's own id. */
  readonly model: string;
  /** The model that answered, as the provider says it. "" or undefined when it did not say. */
  readonly responseModel?: string | undefined;
  /** The time of the call: prices change. */
  readonly at: Date;
}

/** What models cost: one snapshot of the config's prices and of a price list. */
export interface PriceBook {
  /** undefined when no price is known: never taken for 0. */
  priceOf(question: PriceQuestion): Price | undefined;
  /** How many tokens the price list says that a model reads and writes together; undefined when it does not say. */
  contextWindowOf(question: Pick<PriceQuestion, 'instance' | 'model'>): bigint | undefined;
}

/** How much of a name a glob spells out. */
const literalLength = (glob: string): number => glob.replaceAll('*', '').length;

const asPrice = (listedAs: string, override: PriceOverride): Price => ({ provenance: Cost_Provenance.PRICED, version: 'config', listedAs, rates: overrideRates(override) });

/** Finds the config's price of a full name: the exact one first, then the glob that spells out most of it. */
function overrideFinder(overrides: PriceOverrides): (name: string) => Price | undefined {
  const exact = new Map<string, Price>();
  const globs: (readonly [glob: string, price: Price])[] = [];
  for (const [name, override] of Object.entries(overrides)) {
    if (name.includes('*')) globs.push([name, asPrice(name, override)]);
    else exact.set(name, asPrice(name, override));
  }
  globs.sort(([a], [b]) => literalLength(b) - literalLength(a));
  return (name) => exact.get(name) ?? globs.find(([glob]) => fitsGlob(glob, name))?.[1];
}

/** A list that has the model without any price says nothing. */
function listedPrice(catalogue: Catalogue, type: string, model: string, at: Date): Price | undefined {
  const listed = catalogue.find(type, model);
  const rates = listed?.ratesAt(at) ?? {};
  return listed === undefined || Object.keys(rates).length === 0 ? undefined : { provenance: Cost_Provenance.PRICED, version: catalogue.version, listedAs: listed.id, rates };
}

/**
 * Looks prices up: the config's, then none for what runs on this machine, then the price list's. The model that answered counts before the one that
 * was asked: an alias of the provider's has the price of what stands behind it. `catalogue` undefined: only the first two.
 */
export function priceBook(overrides: PriceOverrides, catalogue: Catalogue | undefined): PriceBook {
  const overrideOf = overrideFinder(overrides);
  return {
    priceOf({ instance, model, responseModel, at }) {
      const names = responseModel === undefined || responseModel === '' || responseModel === model ? [model] : [responseModel, model];
      for (const name of names) {
        const override = overrideOf(`${instance.name}/${name}`);
        if (override !== undefined) return override;
      }
      if (instance.isLocal) return FREE;
      for (const name of names) {
        const price = catalogue === undefined ? undefined : listedPrice(catalogue, instance.provider.manifest.type, name, at);
        if (price !== undefined) return price;
      }
      return undefined;
    },
    contextWindowOf: ({ instance, model }) => (instance.isLocal ? undefined : catalogue?.find(instance.provider.manifest.type, model)?.contextWindow),
  };
}
