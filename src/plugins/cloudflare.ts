import { CheckKeyResponse_Verdict as Verdict, Manifest, Setting_Type, type CheckKeyRequest, type Instance, type ListModelsRequest } from '../gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason, ToolChoice_Mode as Mode, type Tool, type ToolChoice } from '../gen/tollgate/v1/content.ts';
import type { ReasoningOptions } from '../gen/tollgate/v1/generate_service.ts';
import { ERROR_CODES } from './cloudflare/error-codes.ts';
import { chatEvent } from './cloudflare/native-event.ts';
import { fetchJson } from './kit/http.ts';
import { arrayOf, countOf, isObject, objectOf, stringOf, type JsonObject } from './kit/json.ts';
import { askAboutKey, bearer, instanceOf, openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import { modelInfo } from './kit/openai-chat-models.ts';
import { effortOnly } from './kit/openai-chat-request.ts';
import { openaiEmbed } from './kit/openai-embed.ts';
import { unsupported, type CallContext, type CheckKeyResponse, type GenerateRequest, type ModelInfo, type Provider, type TokenUsage } from './provider.ts';

/** Workers AI stops after 256 tokens unless it is told otherwise, and counts this limit against the model's context: more would not fit small models. */
const DEFAULT_MAX_TOKENS = 2048;

/** What Cloudflare calls the tasks of its models, and what that says of them. There are other tasks, which nobody asks for here. */
interface Task {
  readonly name: string;
  readonly capability?: string;
}

const TASKS: readonly Task[] = [{ name: 'Text Generation' }, { name: 'Text Embeddings', capability: 'embeddings' }];

const MODELS_PER_PAGE = 100;
const MAX_PAGES = 20;

function accountPath(instance: Instance): string {
  const id = instance.settings['account_id'] ?? '';
  if (id === '') throw unsupported('instance.settings.account_id', 'Cloudflare needs the id of your account: it stands in the dashboard, under Workers AI');
  return `/accounts/${encodeURIComponent(id)}`;
}

/** The model's id as a part of the path, its "@" and slashes kept. */
function modelPath(model: string): string {
  const segments = model.split('/');
  // Such a segment would lead to another place of Cloudflare's API, with the owner's token.
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) throw unsupported('model', 'it is not the id of a model');
  return segments.map((segment) => encodeURIComponent(segment).replaceAll('%40', '@').replaceAll('%3A', ':')).join('/');
}

function reasoning(options: ReasoningOptions): JsonObject {
  const off = options.effort === 'none' || options.maxReasoningTokens === 0;
  return off ? { chat_template_kwargs: { enable_thinking: false } } : effortOnly(options);
}

/** "required" is taken as advice, a name is obeyed: with one tool they mean the same. */
function toolChoice(choice: ToolChoice, tools: readonly Tool[]): ToolChoice {
  const [only] = tools;
  const isRequired = choice.choice?.$case === 'mode' && choice.choice.value === Mode.REQUIRED;
  return isRequired && only !== undefined && tools.length === 1 ? { choice: { $case: 'toolName', value: only.name } } : choice;
}

/** The native shape has no finish reason: only the count tells an answer that was cut off. */
const unsaidFinish = (usage: TokenUsage | undefined, maxTokens: number | undefined): FinishReason =>
  usage?.outputTokens !== undefined && maxTokens !== undefined && usage.outputTokens >= BigInt(maxTokens) ? FinishReason.LENGTH : FinishReason.STOP;

const COMMON: ChatDialect = {
  defaultMaxTokens: DEFAULT_MAX_TOKENS,
  reasoning,
  toolChoice,
  normalise: chatEvent,
  usage: 'increments',
  unsaidFinish,
  requestIdHeader: 'cf-ray',
  codes: ERROR_CODES,
};

function dialect(request: GenerateRequest): ChatDialect {
  const instance = instanceOf(request);
  const account = accountPath(instance);
  if (instance.settings['api'] === 'native') {
    const elsewhere = 'the native API cannot take it: set the provider\'s setting "api" to "openai"';
    return {
      ...COMMON,
      path: `${account}/ai/run/${modelPath(request.model)}`,
      modelInBody: false,
      bareJsonSchema: true,
      refuses: { stop_sequences: elsewhere, image: elsewhere },
    };
  }
  // "auto" is the OpenAI-shaped API: it serves the same models, and it alone gives finish reasons, ids of tool calls, stop
  // sequences and images in one way for all of them.
  return { ...COMMON, path: `${account}/ai/v1/chat/completions`, streamOptions: { include_usage: true } };
}

function readModel(entry: JsonObject, { capability }: Task): ModelInfo | undefined {
  const name = stringOf(entry['name']);
  if (name === undefined) return undefined;
  const properties = new Map(arrayOf(entry['properties']).flatMap((property) => (isObject(property) ? [[property['property_id'], property['value']]] : [])));
  const is = (property: string): boolean => String(properties.get(property)) === 'true';
  return modelInfo(name, {
    contextWindow: countOf(Number(properties.get('context_window') ?? Number.NaN)),
    capabilities: [...(capability === undefined ? [] : [capability]), ...(is('function_calling') ? ['tools'] : []), ...(is('reasoning') ? ['reasoning'] : [])],
    inputModalities: is('vision') ? ['text', 'image'] : [],
  });
}

async function listModels(request: ListModelsRequest, context: CallContext): Promise<readonly ModelInfo[]> {
  const lists = await Promise.all(TASKS.map((task) => listTask(task, request, context)));
  // A model may stand under several tasks: the first one counts.
  const models = new Map(lists.flat().toReversed().map((info) => [info.model, info]));
  return [...models.values()].toReversed();
}

async function listTask(task: Task, request: ListModelsRequest, { signal }: CallContext): Promise<readonly ModelInfo[]> {
  const instance = instanceOf(request);
  const url = `${instance.baseUrl}${accountPath(instance)}/ai/models/search?task=${encodeURIComponent(task.name)}&per_page=${MODELS_PER_PAGE}`;
  const models: ModelInfo[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const answer = await fetchJson({ method: 'GET', url: `${url}&page=${page}`, headers: bearer(request.key), signal }, { key: request.key, codes: ERROR_CODES });
    const entries = arrayOf(objectOf(answer)?.['result']);
    models.push(...entries.flatMap((entry) => (isObject(entry) ? (readModel(entry, task) ?? []) : [])));
    if (entries.length < MODELS_PER_PAGE) break;
  }
  return models;
}

function judgeToken(answer: unknown): Pick<CheckKeyResponse, 'verdict' | 'message'> {
  const status = stringOf(objectOf(objectOf(answer)?.['result'])?.['status']);
  if (status === undefined || status === 'active') return { verdict: Verdict.VALID, message: 'the provider took the token' };
  return { verdict: Verdict.INVALID, message: `the token is ${status}` };
}

/** A token is a user's or an account's, each verified elsewhere; that it is active does not yet say that it may use Workers AI. */
async function checkKey(request: CheckKeyRequest, context: CallContext): Promise<CheckKeyResponse> {
  const instance = instanceOf(request);
  const account = accountPath(instance);
  const question = { instance, key: request.key, headers: bearer(request.key), codes: ERROR_CODES };
  const asUser = await askAboutKey('/user/tokens/verify', { ...question, judge: judgeToken }, context);
  const asAccount = asUser.verdict === Verdict.INVALID ? await askAboutKey(`${account}/tokens/verify`, { ...question, judge: judgeToken }, context) : asUser;
  if (asAccount.verdict !== Verdict.VALID) return asAccount;
  const use = await askAboutKey(`${account}/ai/models/search?per_page=1`, question, context);
  if (use.verdict !== Verdict.INVALID) return use;
  return { ...use, message: `the token is active, but may not use Workers AI on this account: give it the permission, or check account_id (${use.message})` };
}

const TYPE = 'cloudflare';

const chat = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: TYPE,
    displayName: 'Cloudflare Workers AI',
    description: "Open models on Cloudflare's network.",
    docsUrl: 'https://dash.cloudflare.com/profile/api-tokens',
    version: '0.1.0',
    key: { required: true, format: '^\\S{40,}$', envNames: ['CLOUDFLARE_API_TOKEN'] },
    settings: [
      { name: 'account_id', type: Setting_Type.STRING, description: 'The id of the Cloudflare account, 32 hexadecimal characters.', required: true, envNames: ['CLOUDFLARE_ACCOUNT_ID'] },
      { name: 'api', type: Setting_Type.ENUM, description: 'Which of its APIs is asked. "auto" is the OpenAI-shaped one.', values: ['auto', 'native', 'openai'], defaultValue: 'auto' },
    ],
    claims: ['^@cf/'],
    defaultModel: '@cf/meta/llama-3.3-70b-instruct-fp8-fast',
    cancelStopsBilling: true,
    defaultBaseUrl: 'https://api.cloudflare.com/client/v4',
  }),
  dialect,
  listModels,
  checkKey,
});

/** Cloudflare Workers AI. */
export const cloudflare: Provider = {
  ...chat,
  // The native API knows the same models, each with an answer of its own shape: the setting "api" makes no difference here.
  embed: openaiEmbed({ type: TYPE, path: (_request, instance) => `${accountPath(instance)}/ai/v1/embeddings`, codes: ERROR_CODES }),
};
