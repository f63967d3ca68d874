import { Manifest, Setting_Type, type Instance } from '../gen/tollgate/provider/v1/provider_service.ts';
import { clip } from './kit/clip.ts';
import { objectOf, stringOf, type JsonObject } from './kit/json.ts';
import { instanceOf, openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import { modelInfo } from './kit/openai-chat-models.ts';
import { openaiEmbed } from './kit/openai-embed.ts';
import { openaiModelTraits } from './kit/openai-model-traits.ts';
import { checkResponse, generateResponse, type OpenaiResponsesSpec } from './kit/openai-responses.ts';
import type { ResponsesDialect } from './kit/openai-responses-dialect.ts';
import { ErrorClass, ProviderError, unsupported, type GenerateRequest, type ModelInfo, type Provider } from './provider.ts';

const TYPE = 'azure';

const REQUEST_ID_HEADER = 'apim-request-id';

/** Models of others that are deployed beside OpenAI's, by the names that their deployments have unless somebody changes them. */
const FOREIGN = /mistral|ministral|codestral|llama|phi-|deepseek|grok|cohere|command-|jais|kimi|qwen|claude|gpt-oss/i;

const asksDeployments = ({ settings }: Instance): boolean => settings['api'] === 'deployments';

const apiVersion = ({ settings }: Instance): string => `?api-version=${encodeURIComponent(settings['api_version'] || '2024-10-21')}`;

/** People copy the address with the path that Azure's pages show behind it: what stands before that path is the resource. */
function atResource<Request extends { readonly instance: Instance | undefined }>(request: Request): Request {
  const instance = instanceOf(request);
  return { ...request, instance: { ...instance, baseUrl: instance.baseUrl.replace(/\/openai(?:\/v1)?$/, '') } };
}

/** Where one of a model's operations is, e.g. "/chat/completions". */
function operationPath(instance: Instance, deployment: string, operation: string): string {
  if (!asksDeployments(instance)) return `/openai/v1${operation}`;
  // Such a segment would lead to another place of Azure's API.
  if (/^\.{0,2}$/.test(deployment)) throw unsupported('model', 'it is not the name of a deployment');
  return `/openai/deployments/${encodeURIComponent(deployment)}${operation}${apiVersion(instance)}`;
}

const modelsPath = (instance: Instance): string => (asksDeployments(instance) ? `/openai/models${apiVersion(instance)}` : '/openai/v1/models');

const headers = (_instance: Instance, key: string): Readonly<Record<string, string>> => (key === '' ? {} : { 'api-key': key });

/** Reasoning models refuse `max_tokens`; models of others, and the older API for models that do not reason, know nothing else. */
function maxTokensField(instance: Instance, deployment: string): string {
  const set = instance.settings['max_tokens_field'] ?? '';
  if (set !== '') return set;
  const takesNew = openaiModelTraits(deployment).reasons || !(asksDeployments(instance) || FOREIGN.test(deployment));
  return takesNew ? 'max_completion_tokens' : 'max_tokens';
}

function dialect(request: GenerateRequest): ChatDialect {
  const instance = instanceOf(request);
  return {
    path: operationPath(instance, request.model, '/chat/completions'),
    modelInBody: !asksDeployments(instance),
    maxTokensField: maxTokensField(instance, request.model),
    streamOptions: { include_usage: true },
    refusalField: true,
    refuses: { top_k: 'Azure has no such option' },
    requestIdHeader: REQUEST_ID_HEADER,
    explain,
  };
}

/**
 * Chat completions are asked wherever they can be: they serve nearly all that can be deployed, and the name of a deployment says
 * only by custom what model it is. Some of OpenAI's models have nothing but the Responses API, which the older API does not have.
 */
const usesResponses = (request: GenerateRequest): boolean => !asksDeployments(instanceOf(request)) && openaiModelTraits(request.model).onlyResponses;

const responsesDialect = (request: GenerateRequest): ResponsesDialect => ({
  path: operationPath(instanceOf(request), request.model, '/responses'),
  encryptedReasoning: openaiModelTraits(request.model).reasons,
  requestIdHeader: REQUEST_ID_HEADER,
  explain,
});

/** A model is asked by the name that its deployment was given, and whoever knows OpenAI tries the model's own. */
function explain(error: ProviderError, request: GenerateRequest): ProviderError {
  const say = (what: string): ProviderError => new ProviderError(error.errorClass, clip(`${what} (${error.message})`, 512), error);
  if (error.errorClass === ErrorClass.NOT_FOUND) return say(`"${request.model}" has to be the name of a deployment of your resource`);
  const isAboutField = /unsupported parameter|extra_forbidden|extra inputs are not permitted/i.test(error.message);
  const field = isAboutField ? /\b(max_tokens|max_completion_tokens)\b/.exec(error.message)?.[1] : undefined;
  if (field === undefined) return error;
  return say(`set max_tokens_field to "${field === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens'}" for the provider "${request.instance?.name ?? TYPE}"`);
}

/** What Azure lists are the models that can be deployed; the names of the deployments are for another kind of credential. */
function readModel(entry: JsonObject): ModelInfo | undefined {
  const id = stringOf(entry['id']);
  const can = objectOf(entry['capabilities']);
  if (id === undefined || (can !== undefined && can['chat_completion'] !== true && can['embeddings'] !== true)) return undefined;
  const { contextWindow, maxOutputTokens } = openaiModelTraits(id);
  return modelInfo(id, {
    displayName: `${id} (can be deployed: ask it by the name of your deployment)`,
    contextWindow,
    maxOutputTokens,
    capabilities: can?.['embeddings'] === true ? ['embeddings'] : [],
  });
}

const chat = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: TYPE,
    displayName: 'Azure OpenAI',
    description: "Models that are deployed in your own Azure resource. A model's id is the name of its deployment.",
    docsUrl: 'https://portal.azure.com/#view/Microsoft_Azure_ProjectOxford/CognitiveServicesHub/~/OpenAI',
    version: '0.1.0',
    key: { required: true, format: '^\\S{32,}$', envNames: ['AZURE_OPENAI_API_KEY'] },
    settings: [
      {
        name: 'api',
        type: Setting_Type.ENUM,
        description: 'Which of its APIs is asked: v1, or the older one that names the deployment in the address and needs api_version.',
        values: ['v1', 'deployments'],
        defaultValue: 'v1',
      },
      { name: 'api_version', type: Setting_Type.STRING, description: 'The version of the older API.', envNames: ['OPENAI_API_VERSION'], defaultValue: '2024-10-21' },
      {
        name: 'max_tokens_field',
        type: Setting_Type.STRING,
        description: "The field for the most tokens of an answer, max_tokens or max_completion_tokens. Empty goes by the deployment's name.",
      },
    ],
    cancelStopsBilling: true,
    baseUrlEnvName: 'AZURE_OPENAI_ENDPOINT',
  }),
  dialect,
  headers,
  modelsPath,
  readModel,
});

const embed = openaiEmbed({
  type: TYPE,
  path: ({ model }, instance) => operationPath(instance, model, '/embeddings'),
  modelInBody: (instance) => !asksDeployments(instance),
  headers,
});

const responses: OpenaiResponsesSpec = { type: TYPE, dialect: responsesDialect, headers };

/** The models of OpenAI, and some of others, deployed in a resource of one's own. */
export const azure: Provider = {
  manifest: chat.manifest,
  check: (request) => (usesResponses(request) ? checkResponse(atResource(request), responses) : chat.check?.(atResource(request))),
  generate: (request, context) =>
    usesResponses(request) ? generateResponse(atResource(request), context, responses) : chat.generate(atResource(request), context),
  listModels: (request, context) => chat.listModels(atResource(request), context),
  checkKey: (request, context) => chat.checkKey(atResource(request), context),
  embed: (request, context) => embed(atResource(request), context),
};
