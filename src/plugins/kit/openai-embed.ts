import type { Instance } from '../../gen/tollgate/provider/v1/provider_service.ts';
import { ErrorClass, ProviderError, unsupported, type CallContext, type EmbedRequest, type EmbedResponse, type Provider } from '../provider.ts';
import { fetchJson } from './http.ts';
import { arrayOf, isObject, mergeJson, objectOf, stringifyBody, stringOf, type JsonObject } from './json.ts';
import { bearer, instanceOf } from './openai-chat.ts';
import { chatCost, chatUsage } from './openai-chat-usage.ts';
import { answerError, isErrorBody } from './provider-answer-error.ts';
import { providerOptions } from './provider-options.ts';
import { vectorsOf } from './vectors-of.ts';

/** A provider that speaks OpenAI's embeddings: only what differs is said. */
export interface OpenaiEmbedSpec {
  /** The plugin's type: whose provider options count. */
  readonly type: string;
  /** What follows the base URL. Default "/embeddings". */
  readonly path?: (request: EmbedRequest, instance: Instance) => string;
  /** Whether the body names the model. Default true. */
  readonly modelInBody?: (instance: Instance) => boolean;
  /** The headers of every request. Default: the key as bearer. */
  readonly headers?: (instance: Instance, key: string) => Readonly<Record<string, string>>;
  /** The body's field for how long each vector shall be. Default "dimensions". */
  readonly dimensionsField?: string;
  /** Why the provider cannot make vectors of another length: a request for one fails before anything is sent. */
  readonly refusesDimensions?: string;
  /** The provider's own error codes that mean something else elsewhere. */
  readonly codes?: Readonly<Record<string, ErrorClass>>;
}

/** Makes the `embed` of a provider in OpenAI's dialect. */
export const openaiEmbed =
  (spec: OpenaiEmbedSpec): NonNullable<Provider['embed']> =>
  (request, context) =>
    embed(request, context, spec);

async function embed(request: EmbedRequest, { signal }: CallContext, spec: OpenaiEmbedSpec): Promise<EmbedResponse> {
  const { key } = request;
  const { codes } = spec;
  const instance = instanceOf(request);
  const answer = objectOf(
    await fetchJson(
      {
        method: 'POST',
        url: instance.baseUrl + (spec.path?.(request, instance) ?? '/embeddings'),
        headers: spec.headers?.(instance, key) ?? bearer(key),
        body: stringifyBody(bodyOf(request, instance, spec)),
        signal,
      },
      { key, codes },
    ),
  );
  if (answer === undefined) throw notTheDialect('is not an object');
  if (isErrorBody(answer)) throw answerError(answer, { key, codes, status: 200 });
  const usage = objectOf(answer['usage']) ?? {};
  return {
    vectors: vectorsOf(inOrder(arrayOf(answer['data'])), request),
    responseModel: stringOf(answer['model']) ?? '',
    usage: chatUsage(usage),
    reportedCostPicoUsd: chatCost(usage),
  };
}

function bodyOf(request: EmbedRequest, instance: Instance, spec: OpenaiEmbedSpec): JsonObject {
  const { inputs, dimensions, model } = request;
  if (dimensions !== undefined && spec.refusesDimensions !== undefined) throw unsupported('dimensions', spec.refusesDimensions);
  const body: JsonObject = {
    ...(spec.modelInBody?.(instance) === false ? {} : { model }),
    input: inputs,
    ...(dimensions === undefined ? {} : { [spec.dimensionsField ?? 'dimensions']: dimensions }),
  };
  return mergeJson(body, providerOptions(request, spec.type));
}

const notTheDialect = (what: string): ProviderError => new ProviderError(ErrorClass.INVALID_RESPONSE, `the provider's answer ${what}`);

/** The vectors in the order of their texts, wherever each stands in the answer. */
function inOrder(entries: readonly unknown[]): readonly unknown[] {
  const lists: unknown[] = entries.map(() => undefined);
  for (const [at, entry] of entries.entries()) {
    const index = isObject(entry) && typeof entry['index'] === 'number' ? entry['index'] : at;
    if (!(index in lists) || lists[index] !== undefined) throw notTheDialect('numbers its vectors in a way that fits no text');
    lists[index] = listOf(isObject(entry) ? entry['embedding'] : entry);
  }
  return lists;
}

/** Numbers as a list, or as base64 of 32-bit floats, least byte first. */
function listOf(embedding: unknown): unknown {
  if (typeof embedding !== 'string') return embedding ?? [];
  const bytes = Buffer.from(embedding, 'base64');
  if (bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) throw notTheDialect('holds a vector that breaks off');
  return Array.from({ length: bytes.length / Float32Array.BYTES_PER_ELEMENT }, (_, at) => bytes.readFloatLE(at * Float32Array.BYTES_PER_ELEMENT));
}
