import type { ListModelsRequest, ListModelsResponse, Model, UnlistedProvider } from '../../gen/tollgate/v1/generate_service.ts';
import { ProviderError } from '../../plugins/provider.ts';
import { Failure, invalidRequest } from '../failure.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { ProviderKey } from '../keys/secrets.ts';
import type { ModelLists } from '../plugins/model-lists.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import { isOfTheKey } from '../routing/follow-up.ts';
import { providerFailure } from '../routing/provider-failure.ts';
import { readinessOf } from '../routing/readiness.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** One slow provider must not hold up the others' models. */
const PROVIDER_MS = 8000;

type Listing = { readonly models: readonly Model[] } | { readonly unlisted: UnlistedProvider };

async function listingOf(instance: ProviderInstance, secrets: KeyRing, lists: ModelLists, signal: AbortSignal): Promise<Listing> {
  const readiness = await readinessOf(instance, secrets);
  if (!readiness.ready) return unlisted(instance, readiness.why);
  const limit = AbortSignal.timeout(PROVIDER_MS);
  const ask = async (key: ProviderKey | undefined): Promise<Listing | Failure> => {
    const listing = await listingWith(instance, key, lists, signal, limit);
    if (key !== undefined && listing instanceof Failure && listing.reason === 'KEY_REJECTED') secrets.judge(instance.name, key, 'refused');
    return listing;
  };
  const [first, ...others] = readiness.keys;
  let listing = await ask(first);
  for (const key of others) {
    if (!(listing instanceof Failure) || !isOfTheKey(listing)) break;
    listing = await ask(key);
  }
  return listing instanceof Failure ? unlisted(instance, listing) : listing;
}

const unlisted = ({ name }: ProviderInstance, { reason, message }: Failure): Listing => ({ unlisted: { provider: name, reason, message } });

async function listingWith(instance: ProviderInstance, key: ProviderKey | undefined, lists: ModelLists, signal: AbortSignal, limit: AbortSignal): Promise<Listing | Failure> {
  const { name } = instance;
  try {
    const found = await lists.of(instance, key, AbortSignal.any([signal, limit]));
    return { models: found.map((info) => ({ ...info, id: `${name}/${info.model}`, provider: name })) };
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return new Failure('FIRST_TOKEN_TIMEOUT', `${name} did not answer within ${PROVIDER_MS / 1000} s`);
    return error instanceof ProviderError ? providerFailure(error, { instance, model: '' }) : new Failure('INTERNAL', 'the plugin failed unexpectedly');
  }
}

/** The page after the model that the token names: a list that changes in between skips or repeats nothing that stayed. */
function pageOf(models: readonly Model[], request: ListModelsRequest): { page: readonly Model[]; next: string } {
  const size = request.pageSize === 0 ? DEFAULT_PAGE : request.pageSize;
  if (size < 1 || size > MAX_PAGE) throw invalidRequest([{ field: 'page_size', description: `must be from 1 to ${MAX_PAGE}, or 0 for ${DEFAULT_PAGE}` }]);
  const after = Buffer.from(request.pageToken, 'base64url').toString('utf8');
  const rest = models.filter(({ id }) => id > after);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return { page, next: last === undefined || rest.length <= size ? '' : Buffer.from(last.id).toString('base64url') };
}

/** Asks every ready provider for its models and makes one page of them, ordered by id. */
export async function collectModels(
  request: ListModelsRequest,
  instances: readonly ProviderInstance[],
  secrets: KeyRing,
  lists: ModelLists,
  isGranted: (provider: string, model: string) => boolean,
  signal: AbortSignal,
): Promise<ListModelsResponse> {
  const listings = await Promise.all(instances.map((instance) => listingOf(instance, secrets, lists, signal)));
  const words = request.filter.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const models = listings
    .flatMap((listing) => ('models' in listing ? listing.models : []))
    .filter(({ id, provider, model }) => isGranted(provider, model) && words.every((word) => id.toLowerCase().includes(word)))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const { page, next } = pageOf(models, request);
  return { models: [...page], nextPageToken: next, unlistedProviders: listings.flatMap((listing) => ('unlisted' in listing ? [listing.unlisted] : [])) };
}
