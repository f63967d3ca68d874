import type { Instance } from '../../gen/tollgate/provider/v1/provider_service.ts';
import { ProviderError, started, type CallContext, type GenerateRequest, type ProviderEvent } from '../provider.ts';
import { send, throwUnlessOk } from './http.ts';
import { stringifyBody } from './json.ts';
import { bearer, instanceOf } from './openai-chat.ts';
import { ResponsesAnswer } from './openai-responses-answer.ts';
import type { ResponsesDialect } from './openai-responses-dialect.ts';
import { responsesBody, responsesIgnoredFields } from './openai-responses-request.ts';
import { readAnswer } from './read-answer.ts';

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
export async function* generateResponse(request: GenerateRequest, { signal }: CallContext, spec: OpenaiResponsesSpec): AsyncGenerator<ProviderEvent> {
  const instance = instanceOf(request);
  const { key } = request;
  const dialect = typeof spec.dialect === 'function' ? spec.dialect(request) : (spec.dialect ?? {});
  const exchange = await send({
    method: 'POST',
    url: instance.baseUrl + (dialect.path ?? '/responses'),
    headers: spec.headers?.(instance, key) ?? bearer(key),
    body: stringifyBody(responsesBody(request, dialect, spec.type)),
    signal,
  });
  try {
    yield started(responsesIgnoredFields(request));
    const answer = await exchange.answer();
    await throwUnlessOk(answer, { key, codes: dialect.codes });
    const reader = new ResponsesAnswer(dialect, { type: spec.type, key, headers: answer.headers });
    for await (const events of readAnswer(reader, answer.body)) yield* events;
  } catch (error) {
    throw error instanceof ProviderError && dialect.explain !== undefined ? dialect.explain(error, request) : error;
  } finally {
    exchange.close();
  }
}
