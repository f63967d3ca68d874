import { fetchJson } from '../kit/http.ts';
import { arrayOf, mergeJson, objectOf, stringifyBody, stringOf, type JsonObject } from '../kit/json.ts';
import { providerOptions } from '../kit/provider-options.ts';
import { tokenUsage } from '../kit/usage.ts';
import { vectorsOf } from '../kit/vectors-of.ts';
import type { EmbedRequest, EmbedResponse } from '../provider.ts';

/** Where and how to ask. */
export interface EmbedTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Asks POST /api/embed. */
export async function embed(request: EmbedRequest, { url, headers, signal }: EmbedTarget): Promise<EmbedResponse> {
  const { key, model, inputs, dimensions } = request;
  const body: JsonObject = {
    model,
    input: inputs,
    ...(dimensions === undefined ? {} : { dimensions }),
    // Otherwise a text longer than the context loses its end without a word.
    truncate: false,
  };
  const answer = objectOf(await fetchJson({ method: 'POST', url, headers, body: stringifyBody(mergeJson(body, providerOptions(request, 'ollama'))), signal }, { key }));
  return {
    vectors: vectorsOf(arrayOf(answer?.['embeddings']), request),
    responseModel: stringOf(answer?.['model']) ?? '',
    usage: tokenUsage({ input: answer?.['prompt_eval_count'] }),
  };
}
