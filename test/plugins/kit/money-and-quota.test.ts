import { describe, expect, test } from 'vitest';
import { ERROR_CODES as CLOUDFLARE_CODES } from '../../../src/plugins/cloudflare/error-codes.ts';
import { answerError } from '../../../src/plugins/kit/provider-answer-error.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';

/** An error as a provider answers it, and what it means. */
interface Row {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly codes?: Readonly<Record<string, ErrorClass>>;
  readonly class: keyof typeof ErrorClass;
  readonly waitMs?: number;
}

const { BILLING, QUOTA } = ErrorClass;
const openai = (code: string, message = 'You exceeded your current quota, please check your plan and billing details.', type = 'insufficient_quota'): object => ({ error: { message, type, param: null, code } });
const anthropic = (type: string, message: string, details?: object): object => ({ type: 'error', error: { type, message, ...(details === undefined ? {} : { details }) }, request_id: 'req_1' });
const openrouter = (code: number, message: string, metadata: object = {}): object => ({ error: { code, message, metadata }, user_id: 'user_1' });
const cloudflare = (code: number, message: string): object => ({ success: false, errors: [{ code, message }], result: null, messages: [] });

const MONEY: Readonly<Record<string, Row>> = {
  'OpenAI, the old word': { status: 429, body: openai('insufficient_quota'), class: 'BILLING' },
  'OpenAI, no credit': { status: 429, body: openai('credit_balance_exhausted'), class: 'BILLING' },
  "OpenAI, the organization's spend limit": { status: 429, body: openai('organization_spend_limit_exceeded'), class: 'QUOTA' },
  "OpenAI, the project's spend limit": { status: 429, body: openai('project_spend_limit_exceeded'), class: 'QUOTA' },
  "OpenAI, the organization's usage limit": { status: 429, body: openai('organization_usage_limit_exceeded'), class: 'QUOTA' },
  'Anthropic, no credit, as 400': { status: 400, body: anthropic('invalid_request_error', 'Your credit balance is too low to access the Anthropic API.'), class: 'BILLING' },
  'Anthropic, its own limit, as 400': { status: 400, body: anthropic('invalid_request_error', 'You have reached your specified API usage limits.'), class: 'QUOTA' },
  'Anthropic, billing': { status: 402, body: anthropic('billing_error', 'There is a problem with your billing.'), class: 'BILLING' },
  'Anthropic, the spend limit, as 429': { status: 429, body: anthropic('rate_limit_error', 'This request would exceed your limit.', { error_code: 'enforced_spend_limit_reached' }), class: 'QUOTA' },
  "Anthropic, the contract's spend limit, as 429": { status: 429, body: anthropic('rate_limit_error', 'You have reached a limit.', { error_code: 'contract_spend_limit_reached' }), class: 'QUOTA' },
  'Anthropic, the limit of a linked organization': { status: 402, body: anthropic('billing_error', 'Not now.', { error_code: 'linked_organization_spend_limit_reached' }), class: 'QUOTA' },
  'Anthropic, a long context, as 429': { status: 429, body: anthropic('rate_limit_error', 'Extra usage is required for long context requests.'), class: 'BILLING' },
  'Gemini, prepaid': { status: 402, body: { error: { code: 402, message: 'Your balance is used up.', status: 'RESOURCE_EXHAUSTED' } }, class: 'BILLING' },
  'OpenRouter, no credits': { status: 402, body: openrouter(402, 'Insufficient credits'), class: 'BILLING' },
  'OpenRouter, by its list of types': { status: 200, body: openrouter(402, 'Pay first', { error_type: 'payment_required' }), class: 'BILLING' },
  'OpenRouter, more than the budget': { status: 402, body: openrouter(402, 'This request is too expensive.', { code: 'weight_exceeds_budget' }), class: 'QUOTA' },
  'xAI, as 429': { status: 429, body: { code: 'Some resource has been exhausted', error: 'Your team has either used all available credits or reached its monthly spending limit.' }, class: 'BILLING' },
  'xAI, as 403': { status: 403, body: { code: 'permission-denied', error: 'Your team has either used all available credits or reached its monthly spending limit.' }, class: 'BILLING' },
  'xAI, as 403 with a code': { status: 403, body: { code: 'personal-team-blocked:spending-limit', error: 'Add credits.' }, class: 'BILLING' },
  'Cloudflare, the neurons of the day': { status: 429, body: cloudflare(4006, 'you have used up your daily free allocation of 10,000 neurons'), codes: CLOUDFLARE_CODES, class: 'QUOTA' },
  'Cloudflare, the neurons of the day, its other code': { status: 429, body: cloudflare(3036, 'Account limited'), codes: CLOUDFLARE_CODES, class: 'QUOTA' },
  'Ollama, the session': { status: 429, body: { error: 'you (me) have reached your session usage limit, upgrade for more' }, class: 'QUOTA' },
  'Ollama, the week': { status: 429, body: { error: 'you have reached your weekly usage limit' }, class: 'QUOTA' },
  'Ollama, the hour': { status: 429, body: { error: 'you have reached your hourly usage limit' }, class: 'QUOTA' },
  DeepSeek: { status: 402, body: { error: { message: 'Insufficient Balance', type: 'unknown_error', param: null, code: 'invalid_request_error' } }, class: 'BILLING' },
  Mistral: { status: 402, body: { message: 'Payment required' }, class: 'BILLING' },
  'Groq, the spend limit, as 400': { status: 400, body: { error: { message: 'API access is blocked.', type: 'invalid_request_error', code: 'blocked_api_access' } }, class: 'QUOTA' },
  'Z.ai, no balance, as 429': { status: 429, body: { error: { code: '1113', message: 'Insufficient balance or no resource package. Please recharge.' } }, class: 'BILLING' },
  'Z.ai, the plan is used up': { status: 429, body: { error: { code: '1308', message: 'Usage limit reached for 5 hour. Your limit will reset later.' } }, class: 'QUOTA' },
  'Hugging Face': { status: 402, body: { error: 'You have exceeded your monthly included credits for Inference Providers.' }, class: 'BILLING' },
};

const NO_MONEY: Readonly<Record<string, Row>> = {
  'OpenAI, a rate': { status: 429, body: openai('rate_limit_exceeded', 'Rate limit reached. Please try again in 6ms.', 'tokens'), class: 'RATE_LIMIT', waitMs: 6 },
  'OpenAI, too fast': { status: 503, body: openai('slow_down', 'Slow down.', 'server_error'), class: 'RATE_LIMIT' },
  'Anthropic, a rate': { status: 429, body: anthropic('rate_limit_error', 'Too many.'), headers: { 'retry-after': '23' }, class: 'RATE_LIMIT', waitMs: 23_000 },
  'Anthropic, growth that is too fast': { status: 429, body: anthropic('rate_limit_error', 'Too fast.', { error_code: 'ramp_limit_exceeded' }), headers: { 'retry-after': '60' }, class: 'RATE_LIMIT', waitMs: 60_000 },
  'Anthropic, an organization that is shut out': { status: 400, body: anthropic('invalid_request_error', 'This organization has been disabled.', { error_code: 'organization_on_hold', appeal_url: null }), class: 'PERMISSION' },
  'Gemini, a rate': {
    status: 429,
    body: [{ error: { code: 429, message: 'Resource exhausted.', status: 'RESOURCE_EXHAUSTED', details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' }] } }],
    class: 'RATE_LIMIT',
    waitMs: 34_000,
  },
  'Gemini, a rate in words': { status: 429, body: { error: { code: 429, message: 'Please retry in 34.074824224s.', status: 'RESOURCE_EXHAUSTED' } }, class: 'RATE_LIMIT', waitMs: 34_075 },
  'OpenRouter, a budget in flight': { status: 402, body: openrouter(402, 'Too much at once.', { code: 'in_flight_budget_exhausted' }), class: 'RATE_LIMIT' },
  'OpenRouter, a rate upstream': { status: 429, body: openrouter(429, 'Provider returned error', { retry_after_seconds: 7 }), class: 'RATE_LIMIT', waitMs: 7000 },
  'Cloudflare, no room': { status: 429, body: cloudflare(3040, 'No more data centers to forward the request to'), codes: CLOUDFLARE_CODES, class: 'OVERLOADED' },
  'Groq, a rate': { status: 429, body: openai('rate_limit_exceeded', 'Rate limit reached on tokens per day. Please try again in 9m38.016s.', 'tokens'), class: 'RATE_LIMIT', waitMs: 578_016 },
  'Groq, more than the rate allows at once': { status: 413, body: openai('rate_limit_exceeded', 'Request too large for model, please reduce your message size and try again.', 'tokens'), class: 'TOO_LARGE' },
  'Groq, no room for flex': { status: 498, body: openai('capacity_exceeded', 'Flex tier capacity exceeded.', 'invalid_request_error'), class: 'OVERLOADED' },
  'Azure, two hints': { status: 429, body: openai('429', 'Please retry after 26 seconds.', 'rate_limit'), headers: { 'retry-after': '1', 'retry-after-ms': '0' }, class: 'RATE_LIMIT', waitMs: 1000 },
  'Azure, a hint in words': { status: 429, body: openai('429', 'Requests have exceeded the call rate limit. Please retry after 26 seconds.', 'rate_limit'), class: 'RATE_LIMIT', waitMs: 26_000 },
  'Mistral, a rate': { status: 429, body: { object: 'error', message: 'Rate limit exceeded', type: 'rate_limited', param: null, code: '1300' }, headers: { 'retry-after': 'Mon, 01 Jan 2001 00:00:00 GMT' }, class: 'RATE_LIMIT', waitMs: 0 },
  'DeepSeek, a rate': { status: 429, body: { error: { message: 'Too fast', type: 'rate_limit_error', code: 'rate_limit_exceeded' } }, class: 'RATE_LIMIT' },
  'Groq, an organization that is shut out': { status: 400, body: openai('organization_restricted', 'Organization has been restricted.', 'invalid_request_error'), class: 'PERMISSION' },
  'Z.ai, a filter': { status: 400, body: { error: { code: '1301', message: 'System detected potentially unsafe or sensitive content in input or generation.' } }, class: 'CONTENT_FILTER' },
  'Z.ai, a long prompt': { status: 400, body: { error: { code: '1261', message: 'Prompt exceeds max length' } }, class: 'CONTEXT_LENGTH' },
  'llama.cpp, a long prompt': { status: 400, body: { error: { code: 400, message: 'the request is too long', type: 'exceed_context_size_error', n_ctx: 4096 } }, class: 'CONTEXT_LENGTH' },
  'llama.cpp, still loading': { status: 503, body: { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } }, class: 'OVERLOADED' },
  'vLLM, a long prompt': { status: 400, body: { object: 'error', message: "This model's maximum context length is 4096 tokens.", type: 'BadRequestError', param: null, code: 400 }, class: 'CONTEXT_LENGTH' },
  'LM Studio, a long prompt': { status: 400, body: { error: 'Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens.' }, class: 'CONTEXT_LENGTH' },
  'Hugging Face, a long prompt': { status: 422, body: { error: 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 and 100', error_type: 'validation' }, class: 'CONTEXT_LENGTH' },
  'a page of something in between': { status: 502, body: '<!doctype html><html><head><title>502 Bad Gateway</title></head><body>cf-ray</body></html>', class: 'SERVER' },
  'the text of something in between': { status: 503, body: 'upstream connect error or disconnect/reset before headers', class: 'OVERLOADED' },
  'an empty page': { status: 504, body: '', class: 'SERVER' },
};

const KEY = 'sk-test-0123456789abcdef';

const read = ({ status, body, headers, codes }: Row, asText: boolean) => {
  const error = answerError(asText && typeof body !== 'string' ? JSON.stringify(body) : body, { key: KEY, status, headers, codes });
  return { error, told: { class: Object.entries(ErrorClass).find(([, value]) => value === error.errorClass)?.[0], waitMs: error.retryAfterMs } };
};

describe('an error of a provider', () => {
  test.each(Object.entries({ ...MONEY, ...NO_MONEY }))('has its class, the wait that it asks for, and a message for a person: %s', (_what, row) => {
    for (const asText of [true, false]) {
      const { error, told } = read(row, asText);
      expect(told).toEqual({ class: row.class, waitMs: row.waitMs });
      expect(error.message).not.toMatch(/\[object|^\s*[[{<]|^$/);
      expect(error.httpStatus).toBe(row.status);
    }
  });

  test.each(Object.entries(MONEY))('that is about money is retried by nobody: %s', (_what, row) => {
    expect([BILLING, QUOTA]).toContain(read(row, true).error.errorClass);
  });

  test.each(Object.entries({ ...MONEY, ...NO_MONEY }))('holds no key that the provider repeats: %s', (_what, row) => {
    const echoed = JSON.stringify(row.body).replace(/"(message|error|title)":\s*"/g, `"$1":"${KEY}: `);
    const { error } = read({ ...row, body: typeof row.body === 'string' ? `${KEY} ${row.body}` : echoed }, true);
    expect(JSON.stringify([error.message, error.type, error.code, error.stack])).not.toContain(KEY.slice(0, 8));
  });
});
