import { arrayOf, isObject, mergeJson, objectOf, stringifyBody } from '../kit/json.ts';
import { providerOptions } from '../kit/provider-options.ts';
import { vectorsOf } from '../kit/vectors-of.ts';
import { withUsage } from '../kit/with-usage.ts';
import type { EmbedRequest, EmbedResponse, TokenUsage } from '../provider.ts';
import { fetchGoogle, resourceName } from './google-http.ts';
import { usageOf } from './usage-of.ts';

/** The most texts that Google takes at once. */
const MAX_BATCH = 100;

/** Where and how to ask. */
export interface EmbedTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Each text is a content of its own: the parts of one content become one vector. The caller's own fields go with each. */
function bodyOf(request: EmbedRequest, inputs: readonly string[]): string {
  const { model, dimensions } = request;
  const options = providerOptions(request, 'google');
  const requests = inputs.map((text) =>
    mergeJson({ model: resourceName(model), content: { parts: [{ text }] }, ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }) }, options),
  );
  return stringifyBody({ requests });
}

/** A sum of which a part is not known is not known. */
function sum(all: readonly (TokenUsage | undefined)[]): TokenUsage | undefined {
  let inputTokens = 0n;
  for (const usage of all) {
    if (usage?.inputTokens === undefined) return undefined;
    inputTokens += usage.inputTokens;
  }
  return { inputTokens };
}

/** Asks :batchEmbedContents, as often as the number of texts needs. */
export async function embed(request: EmbedRequest, { url, headers, signal }: EmbedTarget): Promise<EmbedResponse> {
  const { key, dimensions } = request;
  const vectors: EmbedResponse['vectors'] = [];
  const usages: (TokenUsage | undefined)[] = [];
  for (let from = 0; from < request.inputs.length; from += MAX_BATCH) {
    const inputs = request.inputs.slice(from, from + MAX_BATCH);
    try {
      const answer = objectOf(await fetchGoogle({ method: 'POST', url, headers, body: bodyOf(request, inputs), signal }, key));
      usages.push(usageOf(objectOf(answer?.['usageMetadata']) ?? {}));
      const lists = arrayOf(answer?.['embeddings']).map((entry) => (isObject(entry) ? entry['values'] : undefined));
      vectors.push(...vectorsOf(lists, { inputs, dimensions }));
    } catch (error) {
      throw withUsage(error, usages.length === 0 ? undefined : sum(usages));
    }
  }
  return { vectors, responseModel: '', usage: sum(usages) };
}
