import { Manifest, Setting_Type, type Instance } from '../gen/tollgate/provider/v1/provider_service.ts';
import { clip } from './kit/clip.ts';
import { stringOf, type JsonObject } from './kit/json.ts';
import { bearer, openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import { modelInfo } from './kit/openai-chat-models.ts';
import { openaiEmbed } from './kit/openai-embed.ts';
import { openaiModelTraits } from './kit/openai-model-traits.ts';
import { checkResponse, generateResponse, type OpenaiResponsesSpec } from './kit/openai-responses.ts';
import type { ResponsesDialect } from './kit/openai-responses-dialect.ts';
import { ProviderError, type GenerateRequest, type ModelInfo, type Provider } from './provider.ts';

const TYPE = 'openai';

const FIXED = 'this model reasons, and takes no sampling options while it does: leave the field out, or set reasoning.effort to "none" where the model knows it';

/** What a model does not take while it reasons. */
function refusals({ model, reasoning }: GenerateRequest): NonNullable<ChatDialect['refuses']> {
  const { reasons, canSkipReasoning } = openaiModelTraits(model);
  const isOff = reasoning?.effort === 'none' && canSkipReasoning;
  return { top_k: 'OpenAI has no such option', ...(reasons && !isOff ? { temperature: FIXED, top_p: FIXED } : {}) };
}

const chatDialect = (request: GenerateRequest): ChatDialect => ({
  // The older `max_tokens` is refused by the reasoning models; every model takes this one.
  maxTokensField: 'max_completion_tokens',
  streamOptions: { include_usage: true, include_obfuscation: false },
  systemRole: openaiModelTraits(request.model).reasons ? 'developer' : 'system',
  refusalField: true,
  refuses: refusals(request),
});

function responsesDialect(request: GenerateRequest): ResponsesDialect {
  const { reasons } = openaiModelTraits(request.model);
  return {
    systemRole: reasons ? 'developer' : 'system',
    encryptedReasoning: reasons,
    streamOptions: { include_obfuscation: false },
    refuses: refusals(request),
    explain,
  };
}

/**
 * "auto" asks the Responses API for the models that reason, since only there their thoughts can go back with the next request,
 * some of them take tools only there, and some are served only there. All others are asked for chat completions, which know
 * more options: stop sequences and seeds.
 */
function usesResponses({ model, instance }: GenerateRequest): boolean {
  const api = instance?.settings['api'] ?? 'auto';
  const { reasons, onlyResponses } = openaiModelTraits(model);
  return api === 'responses' || (api !== 'chat' && (reasons || onlyResponses));
}

/** Summaries are for organizations that OpenAI has verified; the answer itself can be had without. */
function explain(error: ProviderError): ProviderError {
  if (!/verified to generate reasoning summaries/i.test(error.message)) return error;
  const message = `leave the summary out with provider_options_json {"${TYPE}": {"reasoning": {"summary": null}}}, or do as OpenAI says: ${error.message}`;
  return new ProviderError(error.errorClass, clip(message, 512), error);
}

const headers = ({ settings }: Instance, key: string): Readonly<Record<string, string>> => ({
  ...bearer(key),
  ...(settings['organization'] ? { 'openai-organization': settings['organization'] } : {}),
  ...(settings['project'] ? { 'openai-project': settings['project'] } : {}),
});

/** The list holds only ids. */
function readModel(entry: JsonObject): ModelInfo | undefined {
  const id = stringOf(entry['id']);
  if (id === undefined || id === '') return undefined;
  const { reasons, contextWindow, maxOutputTokens } = openaiModelTraits(id);
  const capabilities = id.startsWith('text-embedding-') ? ['embeddings'] : reasons ? ['reasoning'] : [];
  return modelInfo(id, { contextWindow, maxOutputTokens, capabilities });
}

const chat = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: TYPE,
    displayName: 'OpenAI',
    description: 'The models of OpenAI, through its own API.',
    docsUrl: 'https://platform.openai.com/api-keys',
    version: '0.1.0',
    key: { required: true, format: '^sk-\\S+$', envNames: ['OPENAI_API_KEY'] },
    settings: [
      {
        name: 'api',
        type: Setting_Type.ENUM,
        description: 'Which of its APIs is asked. "auto" is the Responses API for the models that reason, and chat completions for the others.',
        values: ['auto', 'chat', 'responses'],
        defaultValue: 'auto',
      },
      { name: 'organization', type: Setting_Type.STRING, description: 'The organization that is billed, for keys that belong to several.' },
      { name: 'project', type: Setting_Type.STRING, description: 'The project that is billed, for keys that belong to several.' },
    ],
    claims: ['^(gpt-|o[134](-|$)|chatgpt-|ft:|text-embedding-)'],
    defaultModel: 'gpt-4.1-mini',
    cancelStopsBilling: true,
    defaultBaseUrl: 'https://api.openai.com/v1',
  }),
  dialect: chatDialect,
  headers,
  readModel,
});

const responses: OpenaiResponsesSpec = { type: TYPE, dialect: responsesDialect, headers };

/** OpenAI's own API. */
export const openai: Provider = {
  ...chat,
  check: (request) => (usesResponses(request) ? checkResponse(request, responses) : chat.check?.(request)),
  generate: (request, context) => (usesResponses(request) ? generateResponse(request, context, responses) : chat.generate(request, context)),
  embed: openaiEmbed({ type: TYPE, headers }),
};
