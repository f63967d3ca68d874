import { describe, expect, test } from 'vitest';
import { errorClassOf, type ErrorFacts } from '../../../src/plugins/kit/error-class.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';

const classOf = (facts: Partial<ErrorFacts>, codes?: Readonly<Record<string, ErrorClass>>): string => {
  const found = errorClassOf({ message: '', ...facts }, codes);
  return Object.entries(ErrorClass).find(([, value]) => value === found)?.[0] ?? String(found);
};

describe('the class of an error', () => {
  test.each<[number, string]>([
    [400, 'INVALID_REQUEST'], [401, 'AUTH'], [402, 'BILLING'], [403, 'PERMISSION'], [404, 'NOT_FOUND'], [408, 'SERVER'], [409, 'SERVER'], [410, 'NOT_FOUND'],
    [413, 'TOO_LARGE'], [418, 'INVALID_REQUEST'], [422, 'INVALID_REQUEST'], [424, 'SERVER'], [429, 'RATE_LIMIT'], [498, 'OVERLOADED'], [500, 'SERVER'],
    [502, 'SERVER'], [503, 'OVERLOADED'], [504, 'SERVER'], [524, 'SERVER'], [529, 'OVERLOADED'],
  ])('of HTTP %i without a word is %s', (status, expected) => {
    expect(classOf({ status })).toBe(expected);
  });

  // Each row is money or a quota that hides behind another status.
  test.each<[string, Partial<ErrorFacts>, string]>([
    ['OpenAI, no money', { status: 429, type: 'insufficient_quota', code: 'insufficient_quota' }, 'BILLING'],
    ['OpenAI, no credit', { status: 429, type: 'insufficient_quota', code: 'credit_balance_exhausted' }, 'BILLING'],
    ['OpenAI, organisation spend', { status: 429, type: 'insufficient_quota', code: 'organization_spend_limit_exceeded' }, 'QUOTA'],
    ['OpenAI, project spend', { status: 429, type: 'insufficient_quota', code: 'project_spend_limit_exceeded' }, 'QUOTA'],
    ['OpenAI, organisation usage', { status: 429, type: 'insufficient_quota', code: 'organization_usage_limit_exceeded' }, 'QUOTA'],
    ['Anthropic, no credit', { status: 400, type: 'invalid_request_error', message: 'Your credit balance is too low to access the API.' }, 'BILLING'],
    ['Anthropic, usage limit', { status: 400, type: 'invalid_request_error', message: 'You have reached your specified API usage limits.' }, 'QUOTA'],
    ['Anthropic, billing', { status: 402, type: 'billing_error' }, 'BILLING'],
    ['Anthropic, spend limit', { status: 429, type: 'rate_limit_error', code: 'enforced_spend_limit_reached' }, 'QUOTA'],
    ['Anthropic, long context', { status: 429, type: 'rate_limit_error', message: 'Extra usage is required for long context requests.' }, 'BILLING'],
    ['OpenRouter, too dear', { status: 402, code: 'weight_exceeds_budget' }, 'QUOTA'],
    ['OpenRouter, in flight', { status: 402, code: 'in_flight_budget_exhausted' }, 'RATE_LIMIT'],
    ['xAI, no credits', { status: 429, message: 'Your team has used all available credits' }, 'BILLING'],
    ['xAI, no credits as 403', { status: 403, code: 'permission-denied', message: 'You have used all available credits' }, 'BILLING'],
    ['Ollama, session', { status: 429, message: 'you (me) have reached your session usage limit' }, 'QUOTA'],
    ['Ollama, week', { status: 429, message: 'you have reached your weekly usage limit' }, 'QUOTA'],
    ['DeepSeek', { status: 402, message: 'Insufficient Balance' }, 'BILLING'],
  ])('tells money apart: %s', (_what, facts, expected) => {
    expect(classOf(facts)).toBe(expected);
  });

  test.each<[string, Partial<ErrorFacts>, string]>([
    ['a wrong key', { status: 401, type: 'invalid_request_error', code: 'invalid_api_key' }, 'AUTH'],
    ['a wrong key as 400', { status: 400, message: 'Incorrect API key provided' }, 'AUTH'],
    ['a wrong key at Google', { status: 400, type: 'INVALID_ARGUMENT', message: 'API key not valid. Please pass a valid API key.' }, 'AUTH'],
    ['a country', { status: 403, code: 'unsupported_country_region_territory' }, 'PERMISSION'],
    ['an unknown model as 400', { status: 400, type: 'invalid_request_error', code: 'model_not_found' }, 'NOT_FOUND'],
    ['a long prompt', { status: 400, code: 'context_length_exceeded' }, 'CONTEXT_LENGTH'],
    ['a long prompt at Anthropic', { status: 400, type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' }, 'CONTEXT_LENGTH'],
    ['a long prompt and answer at Anthropic', { status: 400, type: 'invalid_request_error', message: 'input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000' }, 'CONTEXT_LENGTH'],
    ['a long prompt at Ollama', { status: 400, message: 'the prompt is longer than the context length currently available to the model' }, 'CONTEXT_LENGTH'],
    ['a long prompt in llama.cpp', { status: 400, message: 'the request exceeds the available context size' }, 'CONTEXT_LENGTH'],
    ["Groq's request larger than the rate", { status: 413, code: 'rate_limit_exceeded', type: 'tokens' }, 'TOO_LARGE'],
    ["Anthropic's edge", { status: 413, type: 'request_too_large' }, 'TOO_LARGE'],
    ['a filter', { status: 400, code: 'content_filter' }, 'CONTENT_FILTER'],
    ['a full provider', { status: 529, type: 'overloaded_error' }, 'OVERLOADED'],
    ['a full provider inside a stream', { type: 'overloaded_error' }, 'OVERLOADED'],
    ['an error inside a stream of HTTP 200', { status: 200, type: 'api_error' }, 'SERVER'],
    ['a rate inside a stream', { type: 'rate_limit_error' }, 'RATE_LIMIT'],
    ['a rate as 503', { status: 503, code: 'rate_limit_exceeded' }, 'RATE_LIMIT'],
    ['a vague word beside a status', { status: 404, type: 'invalid_request_error' }, 'NOT_FOUND'],
    ['a vague word alone', { type: 'invalid_request_error' }, 'INVALID_REQUEST'],
    ['a word in capitals', { type: 'Overloaded_Error' }, 'OVERLOADED'],
    ['nothing at all', {}, 'SERVER'],
    ['a word that every object knows', { status: 400, code: 'constructor', type: '__proto__' }, 'INVALID_REQUEST'],
  ])('reads the words: %s', (_what, facts, expected) => {
    expect(classOf(facts)).toBe(expected);
  });

  test('takes a provider’s own codes before all else', () => {
    const codes = { 3040: ErrorClass.OVERLOADED };
    expect(classOf({ status: 429, code: '3040' }, codes)).toBe('OVERLOADED');
    expect(classOf({ status: 429, code: '9999' }, codes)).toBe('RATE_LIMIT');
    expect(classOf({ status: 429, code: 'toString' }, codes)).toBe('RATE_LIMIT');
  });
});
