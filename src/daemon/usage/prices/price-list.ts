import { catalogueOf, type Catalogue, type CatalogueProvider } from './catalogue.ts';

/** Where a price list is from. */
export interface Origin {
  /** As costs name it. */
  readonly version: string;
  /** It ships with Tollgate, was fetched, or was given as a file. */
  readonly source: 'bundled' | 'fetched' | 'given';
  /** Where it was fetched; else "". */
  readonly url: string;
  /** Of the bytes that came, in hexadecimal; "" for the one that ships. */
  readonly sha256: string;
  /** When it came; when it was released, for the one that ships. */
  readonly time: Date;
}

/** A price list as it is used. */
export interface PriceList extends Origin {
  readonly catalogue: Catalogue;
  readonly providerCount: number;
  readonly modelCount: number;
}

export const listOf = (providers: readonly CatalogueProvider[], origin: Origin): PriceList => ({
  ...origin,
  catalogue: catalogueOf(origin.version, providers),
  providerCount: providers.length,
  modelCount: providers.reduce((sum, { models }) => sum + models.length, 0),
});
