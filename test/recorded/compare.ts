import { isDeepStrictEqual } from 'node:util';
import type { Reason } from '../../src/daemon/failure.ts';
import { FinishReason, type TokenUsage } from '../../src/gen/tollgate/v1/content.ts';
import type { Finish } from '../../src/gen/tollgate/v1/generate_service.ts';
import type { ExpectedError, ExpectedUsage, Expectation } from './cases.ts';
import type { ReadAnswer } from './read-answer.ts';

/** api.md, "What a provider answers, by class". */
const REASON_BY_CLASS: Readonly<Record<string, Reason>> = {
  auth: 'KEY_REJECTED',
  permission: 'PROVIDER_PERMISSION_DENIED',
  billing: 'PROVIDER_QUOTA_EXHAUSTED',
  quota: 'PROVIDER_QUOTA_EXHAUSTED',
  rate_limit: 'RATE_LIMITED',
  overloaded: 'PROVIDER_OVERLOADED',
  server: 'PROVIDER_UNAVAILABLE',
  network: 'PROVIDER_UNAVAILABLE',
  not_found: 'MODEL_NOT_FOUND',
  invalid_request: 'REQUEST_REJECTED',
  context_length: 'CONTEXT_TOO_LONG',
  too_large: 'REQUEST_TOO_LARGE',
  content_filter: 'CONTENT_FILTERED',
  truncated: 'RESPONSE_TRUNCATED',
};

const FINISH_BY_WORD: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  length: FinishReason.LENGTH,
  tool_calls: FinishReason.TOOL_CALL,
  content_filter: FinishReason.CONTENT_FILTER,
  pause: FinishReason.PAUSE,
  unknown: FinishReason.OTHER,
};

/** How an answer that was cut may end. */
const CUT_REASONS: readonly (string | undefined)[] = ['RESPONSE_TRUNCATED', 'RESPONSE_INVALID', 'PROVIDER_UNAVAILABLE'] satisfies Reason[];

/** Enough of a message to know it by: the daemon cuts long ones. */
const MESSAGE_START = 200;
/** The daemon cuts keys out of messages, also those that the provider has masked itself. */
const MASKED_KEY = /[\w-]*\*{3,}[\w-]*/;

/** Collects what differs, in words. */
class Differences {
  readonly found: string[] = [];

  same(what: string, got: unknown, expected: unknown): void {
    if (!isDeepStrictEqual(got, expected)) this.found.push(`${what} is ${show(got)} and should be ${show(expected)}`);
  }

  check(holds: boolean, problem: string): void {
    if (!holds) this.found.push(problem);
  }
}

const show = (value: unknown): string => JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? Number(inner) : inner)) ?? 'unset';

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    return `not JSON: ${json}`;
  }
};

function compareContent(expected: Expectation, answer: ReadAnswer, differences: Differences): void {
  differences.same('text', answer.text, expected.text);
  differences.same('reasoning', answer.reasoning, reasoningOf(expected));
  differences.same('refusal', answer.refusal, expected.refusal ?? '');
}

function compareCalls(expected: Expectation, answer: ReadAnswer, differences: Differences): void {
  differences.same('the number of tool calls', answer.toolCalls.length, expected.tool_calls.length);
  differences.same('the number of different ids', new Set(answer.toolCalls.map(({ id }) => id)).size, answer.toolCalls.length);
  for (const [at, call] of expected.tool_calls.entries()) {
    const got = answer.toolCalls[at];
    if (got === undefined) return;
    differences.same(`call ${at}: its name`, got.name, call.name);
    if (call.id === null) differences.check(got.id !== '', `call ${at} has no id`);
    else differences.same(`call ${at}: its id`, got.id, call.id);
    if (call.arguments_valid_json) differences.same(`call ${at}: its arguments`, parsed(got.argumentsJson), call.arguments);
    else differences.same(`call ${at}: its arguments`, got.argumentsJson, call.arguments_raw);
  }
}

/** Raw thoughts stand apart from their summary in an expectation; a caller gets what there is. */
const reasoningOf = ({ reasoning, extra }: Expectation): string => (reasoning === '' ? (extra?.raw_reasoning_text ?? '') : reasoning);

/** The provider's counts in the common meaning: input with what was cached, output with reasoning. null is unset. */
function commonUsage(usage: ExpectedUsage, { usage_semantics: semantics, usage_total_check: totalCheck }: Expectation): Readonly<Record<string, number | null>> {
  const { input_tokens: input, output_tokens: output, cached_input_tokens: cached, reasoning_tokens: reasoning } = usage;
  // A 0 that OpenRouter sends for every model says nothing: the expectation, and we, leave it unset.
  const written = usage.cache_write_tokens;
  const leavesOutCache = semantics?.includes('input EXCLUDES') === true;
  const leavesOutReasoning = totalCheck === 'input+output+reasoning' || semantics?.includes('output EXCLUDES') === true;
  return {
    input_tokens: input === null ? null : input + (leavesOutCache ? (cached ?? 0) + (written ?? 0) : 0),
    output_tokens: output === null ? null : output + (leavesOutReasoning ? (reasoning ?? 0) : 0),
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: written,
    reasoning_output_tokens: reasoning,
  };
}

const said = (count: bigint | undefined): number | null => (count === undefined ? null : Number(count));

const readUsage = (usage: TokenUsage | undefined): Readonly<Record<string, number | null>> => ({
  input_tokens: said(usage?.inputTokens),
  output_tokens: said(usage?.outputTokens),
  cache_read_input_tokens: said(usage?.cacheReadInputTokens),
  cache_creation_input_tokens: said(usage?.cacheCreationInputTokens),
  reasoning_output_tokens: said(usage?.reasoningOutputTokens),
});

const NOTHING: ExpectedUsage = { input_tokens: null, output_tokens: null, cached_input_tokens: null, cache_write_tokens: null, reasoning_tokens: null };

function compareFinish(expected: Expectation, finish: Finish, differences: Differences): void {
  differences.same('finish_reason', finish.finishReason, FINISH_BY_WORD[expected.finish_common ?? 'stop']);
  const words = [expected.finish_reason, expected.native_finish_reason].filter((word) => word !== null);
  differences.check(words.length === 0 || words.includes(finish.rawFinishReason), `raw_finish_reason is ${show(finish.rawFinishReason)} and should be ${words.join(' or ')}`);
  if (expected.model !== null) differences.same('response_model', finish.responseModel, expected.model);
  differences.same('usage', readUsage(finish.usage), commonUsage(expected.usage ?? NOTHING, expected));
}

function compareError(expected: Expectation, error: ExpectedError, answer: ReadAnswer, differences: Differences): void {
  const { failure } = answer;
  if (failure === undefined) {
    differences.check(false, `it ended well and should fail with ${REASON_BY_CLASS[error.class]}`);
    return;
  }
  differences.same('reason', failure.reason, REASON_BY_CLASS[error.class]);
  differences.same('metadata.retryable', failure.metadata['retryable'], String(error.retryable));
  if (expected.outcome === 'http_error') differences.same('metadata.http_status', failure.metadata['http_status'], String(expected.http_status));
  // An answer that breaks off says nothing of its own.
  if (expected.outcome === 'truncated') return;
  if (error.type !== null) differences.same('metadata.provider_type', failure.metadata['provider_type'], error.type);
  if (error.code !== null) differences.same('metadata.provider_code', failure.metadata['provider_code'], String(error.code));
  for (const words of [...(error.message?.slice(0, MESSAGE_START).split(MASKED_KEY) ?? []), ...(error.message_contains ?? [])]) {
    differences.check(failure.message.includes(words), `message is ${show(failure.message)} and should hold ${show(words)}`);
  }
  differences.check(!failure.message.includes('[object'), `message is ${show(failure.message)}`);
  differences.same('retry_delay', failure.retryAfterMs, typeof error.retry_after_s === 'number' ? error.retry_after_s * 1000 : undefined);
}

/** What differs between an answer as the client got it and as it should be. Empty when nothing does. */
export function compare(expected: Expectation, answer: ReadAnswer): readonly string[] {
  const differences = new Differences();
  differences.check(answer.disorder === undefined, answer.disorder ?? '');
  compareContent(expected, answer, differences);
  if (expected.error !== null) compareError(expected, expected.error, answer, differences);
  else if (answer.finish === undefined) differences.check(false, `it failed with ${answer.failure?.reason}: ${answer.failure?.message}`);
  else {
    // The calls of an answer that broke are not to be run: only those of a whole one count.
    compareCalls(expected, answer, differences);
    compareFinish(expected, answer.finish, differences);
  }
  return differences.found;
}

/** What is wrong with what a client made of the first part of an answer: it is an error, or all of it was there already. */
export function compareCut(expected: Expectation, answer: ReadAnswer): readonly string[] {
  const differences = new Differences();
  differences.check(answer.disorder === undefined, answer.disorder ?? '');
  if (answer.failure === undefined) {
    compareContent(expected, answer, differences);
    compareCalls(expected, answer, differences);
    return differences.found;
  }
  differences.check(CUT_REASONS.includes(answer.failure.reason), `it failed with ${answer.failure.reason}: ${answer.failure.message}`);
  differences.same('metadata.retryable', answer.failure.metadata['retryable'], 'true');
  for (const [field, whole] of [['text', expected.text], ['reasoning', reasoningOf(expected)], ['refusal', expected.refusal ?? '']] as const) {
    differences.check(whole.startsWith(answer[field]), `${field} is ${show(answer[field])}, which is not how ${show(whole)} begins`);
  }
  return differences.found;
}
