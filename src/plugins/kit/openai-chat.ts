import { CheckKeyResponse_Verdict as Verdict, type Instance } from '../../gen/tollgate/provider/v1/provider_service.ts';
import {
  ErrorClass,
  ProviderError,
  unsupported,
  type CallContext,
  type CheckKeyResponse,
  type GenerateRequest,
  type Manifest,
  type Provider,
} from '../provider.ts';
import { fetchJson } from './http.ts';
import { stringifyBody } from './json.ts';
import { ChatAnswer } from './openai-chat-answer.ts';
import type { ChatDialect } from './openai-chat-dialect.ts';
import { chatModels, type ReadModel } from './openai-chat-models.ts';
import { chatBody, ignoredFields } from './openai-chat-request.ts';
import { streamAnswer, type AnswerPlan } from './stream-answer.ts';

/** A provider that speaks OpenAI's chat completions: only what differs is said. */
export interface OpenaiChatSpec {
  readonly manifest: Manifest;
  /** What is different. A function where it depends on the request or the instance's settings. */
  readonly dialect?: ChatDialect | ((request: GenerateRequest) => ChatDialect);
  /** The headers of every request. Default: the key as bearer. */
  readonly headers?: (instance: Instance, key: string) => Readonly<Record<string, string>>;
  /** Where the models are listed. Default "/models". */
  readonly modelsPath?: string | ((instance: Instance) => string);
  /** Reads one entry of the list of models; undefined leaves it out. Default: its id and the usual names of limits. */
  readonly readModel?: ReadModel;
  /** Default: asks for the list of models. */
  readonly checkKey?: Provider['checkKey'];
  /** Default: reads the list of models. */
  readonly listModels?: Provider['listModels'];
}

/** The key as a bearer token; nothing without a key. */
export const bearer = (key: string): Readonly<Record<string, string>> => (key === '' ? {} : { authorization: `Bearer ${key}` });

/** The instance of a call. The daemon always names one. */
export function instanceOf({ instance }: { readonly instance: Instance | undefined }): Instance {
  if (instance === undefined) throw unsupported('instance', 'it is missing');
  return instance;
}

/** Makes a provider in OpenAI's dialect. */
export function openaiChatProvider(spec: OpenaiChatSpec): Provider {
  const { manifest } = spec;
  const headersOf = spec.headers ?? ((_instance, key) => bearer(key));
  const modelsPathOf = (instance: Instance): string => (typeof spec.modelsPath === 'function' ? spec.modelsPath(instance) : (spec.modelsPath ?? '/models'));
  return {
    manifest,
    generate: (request, context) => streamAnswer(() => answerPlan(request, context, spec)),
    check: (request) => void chatBody(request, dialectOf(request, spec), manifest.type),
    async listModels(request, context) {
      if (spec.listModels !== undefined) return spec.listModels(request, context);
      const instance = instanceOf(request);
      const url = instance.baseUrl + modelsPathOf(instance);
      const answer = await fetchJson({ method: 'GET', url, headers: headersOf(instance, request.key), signal: context.signal }, { key: request.key });
      return chatModels(answer, spec.readModel);
    },
    checkKey(request, context) {
      if (spec.checkKey !== undefined) return spec.checkKey(request, context);
      const instance = instanceOf(request);
      return askAboutKey(modelsPathOf(instance), { instance, key: request.key, headers: headersOf(instance, request.key) }, context);
    },
  };
}

const dialectOf = (request: GenerateRequest, { dialect = {} }: OpenaiChatSpec): ChatDialect => (typeof dialect === 'function' ? dialect(request) : dialect);

function answerPlan(request: GenerateRequest, { signal }: CallContext, spec: OpenaiChatSpec): AnswerPlan {
  const { manifest } = spec;
  const instance = instanceOf(request);
  const { key } = request;
  const dialect = dialectOf(request, spec);
  const { explain, codes } = dialect;
  const body = chatBody(request, dialect, manifest.type);
  const limit = body[dialect.maxTokensField ?? 'max_tokens'];
  const maxTokens = typeof limit === 'number' ? limit : undefined;
  return {
    request: {
      method: 'POST',
      url: instance.baseUrl + (dialect.path ?? '/chat/completions'),
      headers: spec.headers === undefined ? bearer(key) : spec.headers(instance, key),
      body: stringifyBody(body),
      signal,
    },
    ignoredFields: ignoredFields(request, dialect),
    context: { key, codes },
    readerFor: ({ headers }) => new ChatAnswer(dialect, { type: manifest.type, key, headers, maxTokens }),
    explain: explain === undefined ? undefined : (error) => explain(error, request),
  };
}

export interface KeyQuestion {
  readonly instance: Instance;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly codes?: Readonly<Record<string, ErrorClass>>;
  /** What an answer means that is no refusal. Default: the key is good. */
  readonly judge?: (answer: unknown) => Pick<CheckKeyResponse, 'verdict' | 'message'>;
}

const TAKEN = { verdict: Verdict.VALID, message: 'the provider took the key' };

/** A refusal that is about the key itself, and not about what it may do. */
const KEY_IS_BAD = /\b(invalid|incorrect|expired|revoked|disabled|deleted|blocked|deactivated|unknown)\b.{0,40}\b(key|token)\b|\b(key|token)\b.{0,40}\b(invalid|incorrect|expired|revoked|disabled|deleted|blocked|deactivated|not found|not valid)\b/i;

/** Asks one question with a key: its answer is the verdict. */
export async function askAboutKey(path: string, question: KeyQuestion, { signal }: CallContext): Promise<CheckKeyResponse> {
  const { instance, key, headers, codes, judge = () => TAKEN } = question;
  const checkedWith = `GET ${path}`;
  try {
    const answer = await fetchJson({ method: 'GET', url: instance.baseUrl + path, headers, signal }, { key, codes });
    return { ...judge(answer), checkedWith };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const refused = error.errorClass === ErrorClass.AUTH || (error.httpStatus === 403 && KEY_IS_BAD.test(error.message));
    return { verdict: refused ? Verdict.INVALID : Verdict.UNKNOWN, message: error.message, checkedWith };
  }
}
