import { CheckKeyResponse_Verdict as Verdict, Manifest, Setting_Type } from '../gen/tollgate/provider/v1/provider_service.ts';
import type { Message } from '../gen/tollgate/v1/content.ts';
import type { ReasoningOptions } from '../gen/tollgate/v1/generate_service.ts';
import { arrayOf, countOf, objectOf, parseJson, rawJson, stringOf, type JsonObject } from './kit/json.ts';
import { askAboutKey, bearer, instanceOf, openaiChatProvider } from './kit/openai-chat.ts';
import { modelInfo } from './kit/openai-chat-models.ts';
import { ownThoughts } from './kit/own-thoughts.ts';
import { ReasoningDetails } from './openrouter/reasoning-details.ts';
import { ErrorClass, ProviderError, unsupported, type CheckKeyResponse, type ModelInfo } from './provider.ts';

const TYPE = 'openrouter';

function reasoning({ effort, maxReasoningTokens }: ReasoningOptions): JsonObject {
  if (maxReasoningTokens === undefined) return effort === '' ? {} : { reasoning: { effort } };
  if (effort !== '') throw unsupported('reasoning.effort', 'OpenRouter takes either an effort or a limit in tokens: leave one out');
  return { reasoning: maxReasoningTokens === 0 ? { effort: 'none' } : { max_tokens: maxReasoningTokens } };
}

/** An assistant's thoughts: as OpenRouter gave them, byte for byte, or else their text. */
function assistantFields(message: Message, path: string): JsonObject {
  const kept = message.parts.flatMap(({ providerMetadataJson }, at) => {
    const json = providerMetadataJson[TYPE];
    if (json === undefined) return [];
    if (!Array.isArray(parseJson(json))) throw unsupported(`${path}.parts[${at}].provider_metadata_json["${TYPE}"]`, 'it is not the list that OpenRouter gave');
    return [json.trim().slice(1, -1).trim()].filter((inside) => inside !== '');
  });
  if (kept.length > 0) return { reasoning_details: rawJson(`[${kept.join(',')}]`) };
  const thoughts = ownThoughts(message, TYPE);
  return thoughts === '' ? {} : { reasoning: thoughts };
}

/** Its 403 is a filter or a key's own limit, not a lack of rights. */
function explain(error: ProviderError): ProviderError {
  if (error.errorClass !== ErrorClass.PERMISSION) return error;
  const errorClass = /flagged|moderation|guardrail/i.test(error.message) ? ErrorClass.CONTENT_FILTER : /limit exceeded/i.test(error.message) ? ErrorClass.QUOTA : undefined;
  return errorClass === undefined ? error : new ProviderError(errorClass, error.message, error);
}

function readModel(entry: JsonObject): ModelInfo | undefined {
  const id = stringOf(entry['id']);
  if (id === undefined) return undefined;
  const parameters = new Set(arrayOf(entry['supported_parameters']));
  const capabilities = { tools: 'tools', json_schema: 'structured_outputs', reasoning: 'reasoning' };
  return modelInfo(id, {
    displayName: stringOf(entry['name']) ?? '',
    contextWindow: countOf(entry['context_length']),
    maxOutputTokens: countOf(objectOf(entry['top_provider'])?.['max_completion_tokens']),
    inputModalities: arrayOf(objectOf(entry['architecture'])?.['input_modalities']).flatMap((modality) => stringOf(modality) ?? []),
    capabilities: Object.entries(capabilities).flatMap(([name, parameter]) => (parameters.has(parameter) ? [name] : [])),
    // What it does not know it leaves out of a request, but for tools.
    refuses: parameters.size > 0 && !parameters.has('tools') ? ['tools'] : [],
  });
}

function judgeKey(answer: unknown): Pick<CheckKeyResponse, 'verdict' | 'message'> {
  const left = objectOf(objectOf(answer)?.['data'])?.['limit_remaining'];
  const message = typeof left === 'number' ? `the provider took the key; ${left} USD of its limit are left` : 'the provider took the key';
  return { verdict: Verdict.VALID, message };
}

const headers = (settings: Readonly<Record<string, string>>, key: string): Readonly<Record<string, string>> => ({
  ...bearer(key),
  ...(settings['site_url'] ? { 'http-referer': settings['site_url'] } : {}),
  ...(settings['site_name'] ? { 'x-title': settings['site_name'] } : {}),
});

/** OpenRouter: many providers behind one key. */
export const openrouter = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: TYPE,
    displayName: 'OpenRouter',
    description: 'The models of many providers behind one key.',
    docsUrl: 'https://openrouter.ai/settings/keys',
    version: '0.1.0',
    key: { required: true, format: '^sk-or-\\S+$', envNames: ['OPENROUTER_API_KEY'] },
    settings: [
      { name: 'site_url', type: Setting_Type.STRING, description: "The address of your app, for OpenRouter's statistics (HTTP-Referer)." },
      { name: 'site_name', type: Setting_Type.STRING, description: "The name of your app, for OpenRouter's statistics (X-Title)." },
    ],
    defaultModel: 'meta-llama/llama-3.3-70b-instruct',
    defaultBaseUrl: 'https://openrouter.ai/api/v1',
  }),
  dialect: { reasoning, assistantFields, explain, keepsake: () => new ReasoningDetails() },
  headers: ({ settings }, key) => headers(settings, key),
  readModel,
  // Its list of models is public: it says nothing about a key.
  checkKey: (request, context) => {
    const instance = instanceOf(request);
    return askAboutKey('/key', { instance, key: request.key, headers: headers(instance.settings, request.key), judge: judgeKey }, context);
  },
});
