import {
  PriceList_Source, type GetPriceListRequest, type GetPriceListResponse, type PriceList as PriceListMessage, type ResetPriceListRequest, type ResetPriceListResponse, type UpdatePriceListRequest,
  type UpdatePriceListResponse,
} from '../../gen/tollgate/v1/usage_service.ts';
import { invalidRequest } from '../failure.ts';
import type { PriceList } from '../usage/prices/price-list.ts';
import type { PriceLists } from '../usage/prices/price-lists.ts';
import type { CallScope } from './serve.ts';

const SOURCES: Readonly<Record<PriceList['source'], PriceList_Source>> = { bundled: PriceList_Source.BUNDLED, fetched: PriceList_Source.FETCHED, given: PriceList_Source.GIVEN };

const convert = ({ version, source, url, time, sha256, providerCount, modelCount }: PriceList): PriceListMessage => ({
  version,
  source: SOURCES[source],
  url,
  updateTime: time,
  sha256,
  providerCount: BigInt(providerCount),
  modelCount: BigInt(modelCount),
});

/** The handlers of the UsageService that are about the price list. */
export function priceListRpcs(lists: PriceLists) {
  const changed = async (change: () => Promise<PriceList>): Promise<UpdatePriceListResponse & ResetPriceListResponse> => {
    const previous = convert(await lists.current());
    return { previous, priceList: convert(await change()) };
  };
  return {
    getPriceList: async (_request: GetPriceListRequest): Promise<GetPriceListResponse> => ({ priceList: convert(await lists.current()) }),
    updatePriceList: async ({ fetch, data, allowFewer }: UpdatePriceListRequest, { signal }: CallScope): Promise<UpdatePriceListResponse> => {
      const isGiven = data.length > 0;
      if (fetch === isGiven) throw invalidRequest([{ field: isGiven ? 'fetch' : 'data', description: 'set either fetch or data' }]);
      return changed(() => lists.update({ data: isGiven ? data : undefined, allowFewer }, signal));
    },
    resetPriceList: (_request: ResetPriceListRequest): Promise<ResetPriceListResponse> => changed(() => lists.reset()),
  };
}
