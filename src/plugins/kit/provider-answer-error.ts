import { ErrorClass, ProviderError, type TokenUsage } from '../provider.ts';
import { clip } from './clip.ts';
import { errorClassOf } from './error-class.ts';
import type { JsonObject } from './json.ts';
import { arrayOf, isObject, objectOf, parseJson, stringOf, wordOf } from './json.ts';
import { isTooHeavy } from './json-weight.ts';
import { redact } from './redact.ts';
import { retryAfterMs } from './retry-after.ts';

/** The most bytes of an error's message. */
const MAX_MESSAGE_BYTES = 512;
/** What is looked at of a message, a type or a code: enough to know it by, and no work for somebody who sends more. */
const MAX_READ_CHARS = 4096;
const MAX_WORD_CHARS = 256;
/** Where the title of a page is looked for. */
const MAX_PAGE_CHARS = 64 * 1024;
/** The most bytes of a type or a code that is passed on. */
const MAX_WORD_BYTES = 64;

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
    const said = inWords(error[field]);
    if (said !== undefined) return said;
  }
  return undefined;
}

/** Some say in a list, or in objects, what is wrong with which field: `{loc: ["body", "top_k"], msg: "…"}`. */
function inWords(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((each) => inWords(each) ?? JSON.stringify(each)).join('; ');
  if (!isObject(value)) return undefined;
  const said = messageOf(value);
  const where = arrayOf(value['loc']).filter((step) => typeof step === 'string' || typeof step === 'number');
  return said === undefined ? JSON.stringify(value) : `${where.length === 0 ? '' : `${where.join('.')}: `}${said}`;
}

const describeText = (text: string, status: number | undefined): string => {
  const title = /<title[^>]{0,256}>([^<]{0,1024})<\/title>/i.exec(text.slice(0, MAX_PAGE_CHARS))?.[1]?.trim();
  const plain = title ?? (text.trimStart().startsWith('<') ? '' : text.trim());
  return plain === '' ? `HTTP ${status ?? 'error'} without a message` : plain;
};

const firstWord = (...values: readonly unknown[]): string | undefined => values.map(wordOf).find((word) => word !== undefined)?.slice(0, MAX_WORD_CHARS);

/** The HTTP status that an error names itself: inside a stream there is no other. */
function statusIn(code: string | undefined, error: JsonObject | undefined): number | undefined {
  const named = [code, error?.['status_code'], error?.['http_status_code']].map(wordOf);
  const status = named.find((word) => word !== undefined && /^[45]\d\d$/.test(word));
  return status === undefined ? undefined : Number(status);
}

/** Makes the typed error of what a provider answered: a parsed body, or its text when it is not JSON. */
export function answerError(body: unknown, context: AnswerErrorContext): ProviderError {
  const parsed = typeof body === 'string' && !isTooHeavy(body) ? (parseJson(body) ?? body) : body;
  const error = errorObject(parsed);
  const said = error === undefined ? undefined : messageOf(error);
  const whole = said ?? (typeof parsed === 'string' ? describeText(parsed, context.status) : `HTTP ${context.status ?? 'error'} without a message`);
  const text = whole.slice(0, MAX_READ_CHARS);
  const metadata = objectOf(error?.['metadata']);
  const type = firstWord(error?.['type'], error?.['status'], metadata?.['error_type'], objectOf(parsed)?.['name']);
  const code = firstWord(error?.['code'], objectOf(error?.['details'])?.['error_code'], error?.['internalCode']);
  const words = [metadata?.['code'], metadata?.['error_type']].flatMap((word) => firstWord(word) ?? []);
  const status = context.status !== undefined && context.status >= 300 ? context.status : statusIn(code, error);
  return new ProviderError(
    errorClassOf({ status, type, code, words, message: text }, context.codes),
    clip(redact(text, context.key), MAX_MESSAGE_BYTES),
    {
      httpStatus: context.status,
      type: type === undefined ? undefined : clip(redact(type, context.key), MAX_WORD_BYTES),
      code: code === undefined ? undefined : clip(redact(code, context.key), MAX_WORD_BYTES),
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
