import { catalogueOf, type Catalogue } from './catalogue.ts';

/** The release of @pydantic/genai-prices that is bundled. */
const RELEASE = '0.1.8';

let loading: Promise<Catalogue> | undefined;

async function load(): Promise<Catalogue> {
  const { findProvider } = await import('@pydantic/genai-prices');
  return catalogueOf(`genai-prices ${RELEASE}`, (providerId) => findProvider({ providerId }));
}

/**
 * The price list that ships, loaded once. Nothing is fetched. The first call takes 40 ms of the event loop (three times that on a busy machine) and 15 MB: not
 * before the daemon serves, and not for a provider on this machine, which is free without it.
 */
export const bundledCatalogue = (): Promise<Catalogue> => (loading ??= load());
