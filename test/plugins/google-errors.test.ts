import { describe, expect, test } from 'vitest';
import { googleError } from '../../src/plugins/google/google-error.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';

const info = (reason: string) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason });
const quota = (quotaId: string) => ({ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId: 'GenerateRequestsPerMinutePerProjectPerModel' }, { quotaId }] });
const retry = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' };
const body = (code: number, status: string, message: string, details: readonly unknown[] = []) => ({ error: { code, status, message, details } });

const read = (error: unknown, status: number) => {
  const { errorClass, type, code, message, retryAfterMs } = googleError(JSON.stringify(error), { key: 'AIzaTest', status });
  return { class: Object.entries(ErrorClass).find(([, value]) => value === errorClass)?.[0], type, code, message, retryAfterMs };
};

describe('an error of Google', () => {
  test.each<[string, string, ReturnType<typeof body>]>([
    ['a bad key', 'AUTH', body(400, 'INVALID_ARGUMENT', 'API key expired. Please renew the API key.', [info('API_KEY_INVALID')])],
    ['a leaked key', 'AUTH', body(403, 'PERMISSION_DENIED', 'Your API key was reported as leaked. Please use another API key.')],
    ['no key', 'AUTH', body(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers.")],
    ['a key for another service', 'PERMISSION', body(403, 'PERMISSION_DENIED', 'Requests to this API are blocked.', [info('API_KEY_SERVICE_BLOCKED')])],
    ['a project without billing', 'BILLING', body(403, 'PERMISSION_DENIED', 'This API method requires billing to be enabled.', [info('BILLING_DISABLED')])],
    ['an empty account', 'BILLING', body(402, 'RESOURCE_EXHAUSTED', 'Your prepayment credits are depleted.')],
    ['an empty account under its old status', 'BILLING', body(429, 'RESOURCE_EXHAUSTED', 'Your prepayment credits are depleted.', [retry])],
    ['a spend cap', 'QUOTA', body(429, 'RESOURCE_EXHAUSTED', 'Your project has exceeded its monthly spending cap.', [retry])],
    ['a daily quota', 'QUOTA', body(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.', [quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier'), retry])],
    ['a model outside of the plan', 'QUOTA', body(429, 'RESOURCE_EXHAUSTED', `${'x'.repeat(600)}\n* Quota exceeded for metric: requests, limit: 0, model: gemini-3.1-pro`, [retry])],
    ['a place that is not served', 'PERMISSION', body(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.')],
    ['a free plan that is not offered', 'PERMISSION', body(400, 'FAILED_PRECONDITION', 'Gemini API free tier is not available in your country. Please enable billing.')],
    ['a file that is not ready', 'INVALID_REQUEST', body(400, 'FAILED_PRECONDITION', 'The File abc is not in an ACTIVE state and usage is not allowed.')],
    ['a long prompt', 'CONTEXT_LENGTH', body(400, 'INVALID_ARGUMENT', 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).')],
    ['a large request', 'TOO_LARGE', body(400, 'INVALID_ARGUMENT', 'Request payload size exceeds the limit: 20971520 bytes.')],
    ['an unknown model', 'NOT_FOUND', body(404, 'NOT_FOUND', 'models/gemini-0 is not found for API version v1beta.')],
    ['a full provider', 'OVERLOADED', body(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.')],
    ['a failing provider', 'SERVER', body(500, 'INTERNAL', 'An internal error has occurred.')],
    ['a call given up by Google', 'SERVER', body(499, 'CANCELLED', 'The operation was cancelled.')],
    ['a bad field', 'INVALID_REQUEST', body(400, 'INVALID_ARGUMENT', 'Unknown name "x".')],
  ])('says %s: %s, in an object, in a list and wrapped in another', (_what, expected, error) => {
    const { code, status: type } = error.error;
    for (const shape of [error, [error], { error: { code, status: 'Bad', message: JSON.stringify(error) } }]) {
      expect(read(shape, code)).toMatchObject({ class: expected, type, code: String(code), retryAfterMs: undefined });
      expect(read(shape, code).message).not.toContain('{');
    }
  });

  test('says how long to wait when a quota of minutes ran out', () => {
    expect(read(body(429, 'RESOURCE_EXHAUSTED', 'limit: 10, model: x', [quota('InputTokensPerModelPerMinute'), retry]), 429)).toMatchObject({ class: 'RATE_LIMIT', retryAfterMs: 34_000 });
  });

  test.each([
    ['the beginnings of a sentence', 'input token count '.repeat(20_000)],
    ['lists without end, as text', '['.repeat(4_000_000)],
  ])('is read at once, whatever it is: %s', (_what, message) => {
    const started = performance.now();
    expect(googleError(body(500, 'INTERNAL', message), { key: 'AIzaTest' }).errorClass).toBe(ErrorClass.SERVER);
    expect(performance.now() - started).toBeLessThan(200);
  });

  test('inside a stream has the class of its own code', () => {
    const error = googleError(body(503, 'UNAVAILABLE', 'The model is overloaded.'), { key: 'AIzaTest' });
    expect({ class: error.errorClass, status: error.httpStatus, code: error.code }).toEqual({ class: ErrorClass.OVERLOADED, status: undefined, code: '503' });
  });
});
