import { Cost_Provenance } from '../../gen/tollgate/v1/content.ts';
import type { GetPriceResponse } from '../../gen/tollgate/v1/usage_service.ts';
import { toPicoUsd } from '../usage/prices/decimal.ts';
import { rateOf, type Bucket, type Price, type Rates } from '../usage/prices/price.ts';

const amountOf = (rates: Rates, bucket: Bucket): bigint | undefined => {
  const rate = rateOf(rates, bucket);
  return rate === undefined ? undefined : toPicoUsd(rate.base);
};

/** Sound has a price only where a model is sold for it. */
const ownAmount = (rates: Rates, bucket: Bucket): bigint | undefined => (rates[bucket] === undefined ? undefined : amountOf(rates, bucket));

function firstTier(rates: Rates): bigint | undefined {
  const starts = Object.values(rates).flatMap(({ tiers }) => tiers.map(({ aboveInputTokens }) => aboveInputTokens));
  return starts.reduce<bigint | undefined>((least, start) => (least === undefined || start < least ? start : least), undefined);
}

/** A price as the API has it; undefined is one that is not known. */
export function convertPrice(price: Price | undefined): Omit<GetPriceResponse, 'provider' | 'model'> {
  if (price === undefined) return { provenance: Cost_Provenance.UNKNOWN, price: undefined, priceVersion: '', listedAs: '' };
  const { provenance, version, listedAs, rates } = price;
  const amounts = {
    inputPicoUsd: amountOf(rates, 'input'),
    outputPicoUsd: amountOf(rates, 'output'),
    cacheReadPicoUsd: amountOf(rates, 'cacheRead'),
    cacheCreationPicoUsd: amountOf(rates, 'cacheCreation'),
    cacheCreation1hPicoUsd: amountOf(rates, 'cacheCreation1h'),
    audioInputPicoUsd: ownAmount(rates, 'audioInput'),
    audioOutputPicoUsd: ownAmount(rates, 'audioOutput'),
    requestPicoUsd: amountOf(rates, 'request'),
    webSearchPicoUsd: amountOf(rates, 'webSearch'),
    tierFromInputTokens: firstTier(rates),
  };
  return { provenance, price: provenance === Cost_Provenance.FREE ? undefined : amounts, priceVersion: version, listedAs };
}
