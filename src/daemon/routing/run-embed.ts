import type { EmbedResponse as ProviderEmbedResponse } from '../../gen/tollgate/provider/v1/provider_service.ts';
import type { EmbedRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { clip } from '../../plugins/kit/clip.ts';
import { redact } from '../../plugins/kit/redact.ts';
import { ProviderError } from '../../plugins/provider.ts';
import { Failure } from '../failure.ts';
import type { ProviderKey, Secrets } from '../keys/secrets.ts';
import { isOfTheKey, isSameCandidate } from './follow-up.ts';
import { noProviderReady } from './no-provider-ready.ts';
import type { Route } from './plan-route.ts';
import { providerFailure } from './provider-failure.ts';
import type { Candidate } from './resolve-model.ts';

const MAX_MODEL_BYTES = 256;

export interface EmbedInput {
  readonly request: EmbedRequest;
  readonly route: Route;
  readonly maxAttempts: number;
  /** Takes what the provider said of a key by answering, or by refusing it. */
  readonly judge: Secrets['judge'];
  readonly signal: AbortSignal;
}

export interface Embedded {
  readonly response: ProviderEmbedResponse;
  readonly provider: string;
  readonly model: string;
}

/**
 * Asks the first provider of a route that is ready, with one of its keys after the other. There is no second provider: vectors of
 * another model cannot stand beside these. Throws a Failure.
 */
export async function runEmbed(input: EmbedInput): Promise<Embedded> {
  const { route, judge, maxAttempts } = input;
  const ready = route.attempts.flatMap((planned) => (planned.skip === undefined ? [planned] : []));
  const [first] = ready;
  if (first === undefined) throw route.attempts[0]?.skip ?? noProviderReady(route);
  const { name } = first.instance;
  let last: Failure | undefined;
  for (const { key } of ready.filter((planned) => isSameCandidate(planned, first)).slice(0, maxAttempts)) {
    const outcome = await embedWith(first, key, input);
    if (key !== undefined && !(outcome instanceof Failure)) judge(name, key, 'good');
    if (!(outcome instanceof Failure)) return outcome;
    if (key !== undefined && outcome.reason === 'KEY_REJECTED') judge(name, key, 'refused');
    last = outcome;
    if (!isOfTheKey(outcome)) break;
  }
  throw last ?? noProviderReady(route);
}

async function embedWith(candidate: Candidate, key: ProviderKey | undefined, { request, signal }: EmbedInput): Promise<Embedded | Failure> {
  const { instance, model } = candidate;
  const { manifest } = instance.provider;
  if (instance.provider.embed === undefined) return new Failure('NOT_SUPPORTED', `${manifest.displayName} makes no embeddings`, { metadata: { provider: instance.name, model } });
  const options = request.providerOptionsJson[manifest.type];
  const secret = key?.secret.reveal() ?? '';
  try {
    const response = await instance.provider.embed(
      {
        instance: instance.instance,
        key: secret,
        model,
        inputs: request.inputs,
        dimensions: request.dimensions,
        providerOptionsJson: options === undefined ? {} : { [manifest.type]: options },
      },
      { signal },
    );
    if (response.vectors.length !== request.inputs.length) {
      return new Failure('RESPONSE_INVALID', `${instance.name} sent ${response.vectors.length} vectors for ${request.inputs.length} texts`, { metadata: { provider: instance.name, model, retryable: 'true' } });
    }
    // A provider may put the key that it was sent into any word of its answer.
    return { response: { ...response, responseModel: clip(redact(response.responseModel, secret), MAX_MODEL_BYTES) }, provider: instance.name, model };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof ProviderError) return providerFailure(error, candidate);
    return new Failure('INTERNAL', 'the plugin failed unexpectedly; see the log of the daemon', { metadata: { provider: instance.name }, cause: error });
  }
}
