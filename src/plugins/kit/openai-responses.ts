import type { Instance } from '../../gen/tollgate/provider/v1/provider_service.ts';
import type { CallContext, GenerateRequest, ProviderEvent } from '../provider.ts';
import { stringifyBody } from './json.ts';
import { bearer, instanceOf } from './openai-chat.ts';
import { ResponsesAnswer } from './openai-responses-answer.ts';
import type { ResponsesDialect } from './openai-responses-dialect.ts';
import { responsesBody, responsesIgnoredFields } from './openai-responses-request.ts';
import { streamAnswer, type AnswerPlan } from './stream-answer.ts';

/** A provider that speaks OpenAI's Responses API: only what differs is said. */
export interface OpenaiResponsesSpec {
  /** The plugin's type: whose provider options count, and the key of what it keeps in `provider_metadata_json`. */
  readonly type: string;
  /** What is different. A function where it depends on the request or the instance's settings. */
  readonly dialect?: ResponsesDialect | ((request: GenerateRequest) => ResponsesDialect);
  /** The headers of every request. Default: the key as bearer. */
  readonly headers?: (instance: Instance, key: string) => Readonly<Record<string, string>>;
}

/** Streams one answer of the Responses API. What a provider's `generate` does for the models that are asked there. */
export const generateResponse = (request: GenerateRequest, context: CallContext, spec: OpenaiResponsesSpec): AsyncGenerator<ProviderEvent> => streamAnswer(() => answerPlan(request, context, spec));

const dialectOf = (request: GenerateRequest, { dialect = {} }: OpenaiResponsesSpec): ResponsesDialect => (typeof dialect === 'function' ? dialect(request) : dialect);

/** What a provider's `check` does for the models that are asked there. */
export const checkResponse = (request: GenerateRequest, spec: OpenaiResponsesSpec): void => void responsesBody(request, dialectOf(request, spec), spec.type);

function answerPlan(request: GenerateRequest, { signal }: CallContext, spec: OpenaiResponsesSpec): AnswerPlan {
  const instance = instanceOf(request);
  const { key } = request;
  const dialect = dialectOf(request, spec);
  const { explain, codes } = dialect;
  return {
    request: {
      method: 'POST',
      url: instance.baseUrl + (dialect.path ?? '/responses'),
      headers: spec.headers?.(instance, key) ?? bearer(key),
      body: stringifyBody(responsesBody(request, dialect, spec.type)),
      signal,
    },
    ignoredFields: responsesIgnoredFields(request),
    context: { key, codes },
    readerFor: ({ headers }) => new ResponsesAnswer(dialect, { type: spec.type, key, headers }),
    explain: explain === undefined ? undefined : (error) => explain(error, request),
  };
}
