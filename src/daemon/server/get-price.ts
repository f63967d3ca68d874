import type { GetPriceRequest, GetPriceResponse } from '../../gen/tollgate/v1/usage_service.ts';
import type { Config } from '../config/config.ts';
import { Failure, invalidRequest } from '../failure.ts';
import type { Registry } from '../plugins/registry.ts';
import { resolveModel } from '../routing/resolve-model.ts';
import type { PriceBook } from '../usage/prices/price-book.ts';
import { convertPrice } from './convert-price.ts';

export interface GetPriceParts {
  readonly config: () => Config;
  readonly registry: () => Registry;
  /** The prices in force. */
  readonly prices: () => PriceBook | Promise<PriceBook>;
}

/** The price of the model that an id means; of an alias's first. Throws MODEL_NOT_FOUND or PROVIDER_NOT_FOUND. */
export async function getPrice({ model: asked }: GetPriceRequest, { config, registry, prices }: GetPriceParts): Promise<GetPriceResponse> {
  if (asked === '' || Buffer.byteLength(asked) > 512) throw invalidRequest([{ field: 'model', description: 'must be 1 to 512 bytes' }]);
  const found = resolveModel(asked, config(), registry()).candidates.find(({ model }) => model !== '');
  if (found === undefined) throw new Failure('MODEL_NOT_FOUND', `"${asked}" means no model: no provider has a default model`, { metadata: { model: asked } });
  const { instance, model } = found;
  return { provider: instance.name, model, ...convertPrice((await prices()).priceOf({ instance, model, at: new Date() })) };
}
