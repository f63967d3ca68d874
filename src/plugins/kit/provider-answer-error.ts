import { ErrorClass, ProviderError, type TokenUsage } from '../provider.ts';
import { clip } from './clip.ts';
import { errorClassOf } from './error-class.ts';
import type { JsonObject } from './json.ts';
import { arrayOf, isObject, objectOf, parseJson, stringOf, wordOf } from './json.ts';
import { redact } from './redact.ts';
import { retryAfterMs } from './retry-after.ts';

/** The most bytes of an error's message. */
const MAX_MESSAGE_BYTES = 512;

export interface AnswerErrorContext {
  /** The key in use; cut out of every message. */
  readonly key: string;
  /** The provider's own codes that mean something else elsewhere. */
  readonly codes?: Readonly<Record<string, ErrorClass>> | undefined;
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly usage?: TokenUsage | undefined;
}

/** The object that holds message, type and code: providers put it at five different places. */
function errorObject(body: unknown): JsonObject | undefined {
  const root = objectOf(Array.isArray(body) ? body[0] : body);
  if (root === undefined) return undefined;
  const nested = objectOf(root['error']) ?? objectOf(arrayOf(root['error'])[0]) ?? objectOf(arrayOf(root['errors'])[0]);
  if (nested !== undefined) return nested;
  const text = stringOf(root['error']);
  return text === undefined ? root : { ...root, message: text };
}

function messageOf(error: JsonObject): string | undefined {
  for (const field of ['message', 'detail', 'msg', 'error_description']) {
    const value = error[field];
    if (typeof value === 'string' && value !== '') return value;
    if (isObject(value) || (Array.isArray(value) && value.length > 0)) return JSON.stringify(value);
  }
  return undefined;
}

const describeText = (text: string, status: number | undefined): string => {
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(text)?.[1]?.trim();
  const plain = title ?? (text.trimStart().startsWith('<') ? '' : text.trim());
  return plain === '' ? `HTTP ${status ?? 'error'} without a message` : plain;
};

/** Makes the typed error of what a provider answered: a parsed body, or its text when it is not JSON. */
export function answerError(body: unknown, context: AnswerErrorContext): ProviderError {
  const parsed = typeof body === 'string' ? (parseJson(body) ?? body) : body;
  const error = errorObject(parsed);
  const said = error === undefined ? undefined : messageOf(error);
  const text = said ?? (typeof parsed === 'string' ? describeText(parsed, context.status) : `HTTP ${context.status ?? 'error'} without a message`);
  const type = wordOf(error?.['type']) ?? wordOf(error?.['status']) ?? wordOf(objectOf(error?.['metadata'])?.['error_type']) ?? wordOf(objectOf(parsed)?.['name']);
  const code = wordOf(error?.['code']) ?? wordOf(objectOf(error?.['details'])?.['error_code']) ?? wordOf(error?.['internalCode']);
  const codeAsStatus = code !== undefined && /^[45]\d\d$/.test(code) ? Number(code) : undefined;
  const status = context.status !== undefined && context.status >= 300 ? context.status : codeAsStatus;
  return new ProviderError(
    errorClassOf({ status, type, code, message: text }, context.codes),
    clip(redact(text, context.key), MAX_MESSAGE_BYTES),
    {
      httpStatus: context.status,
      type: type === undefined ? undefined : clip(redact(type, context.key), 64),
      code: code === undefined ? undefined : clip(redact(code, context.key), 64),
      retryAfterMs: retryAfterMs(context.headers ?? {}, error, text),
      usage: context.usage,
    },
  );
}

/** Whether a body that came with HTTP 200 is an error after all. */
export function isErrorBody(body: JsonObject): boolean {
  const { error } = body;
  if (typeof error === 'object' && error !== null) return !Array.isArray(error) || error.length > 0;
  return (typeof error === 'string' && error !== '') || body['type'] === 'error' || body['success'] === false;
}

export const truncated = (usage?: TokenUsage): ProviderError =>
  new ProviderError(ErrorClass.TRUNCATED, 'the provider ended the answer before its end', { usage });
