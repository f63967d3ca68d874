import type { EmbedResponse as ProviderEmbedResponse } from '../../gen/tollgate/provider/v1/provider_service.ts';
import type { EmbedRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { ProviderError } from '../../plugins/provider.ts';
import { Failure } from '../failure.ts';
import type { Route } from './plan-route.ts';
import { providerFailure } from './provider-failure.ts';

/**
 * Asks the first provider of a route that is ready. There is no second: vectors of another model cannot stand beside these.
 * Throws a Failure.
 */
export async function runEmbed(request: EmbedRequest, route: Route, signal: AbortSignal): Promise<{ response: ProviderEmbedResponse; provider: string; model: string }> {
  const planned = route.attempts.find(({ skip }) => skip === undefined);
  if (planned === undefined || planned.skip !== undefined) throw route.attempts[0]?.skip ?? new Failure('NO_PROVIDER_READY', "no provider is ready: set a provider's key and restart the daemon (tollgate restart), or start Ollama");
  const { instance, model, key } = planned;
  const { manifest } = instance.provider;
  if (instance.provider.embed === undefined) throw new Failure('NOT_SUPPORTED', `${manifest.displayName} makes no embeddings`, { metadata: { provider: instance.name, model } });
  const options = request.providerOptionsJson[manifest.type];
  try {
    const response = await instance.provider.embed(
      {
        instance: instance.instance,
        key: key?.secret.reveal() ?? '',
        model,
        inputs: request.inputs,
        dimensions: request.dimensions,
        providerOptionsJson: options === undefined ? {} : { [manifest.type]: options },
      },
      { signal },
    );
    if (response.vectors.length !== request.inputs.length) {
      throw new Failure('RESPONSE_INVALID', `${instance.name} sent ${response.vectors.length} vectors for ${request.inputs.length} texts`, { metadata: { provider: instance.name, model, retryable: 'true' } });
    }
    return { response, provider: instance.name, model };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Failure) throw error;
    if (error instanceof ProviderError) throw providerFailure(error, planned);
    throw new Failure('INTERNAL', 'the plugin failed unexpectedly; see the log of the daemon', { metadata: { provider: instance.name }, cause: error });
  }
}
