import { describe, expect, test } from 'vitest';
import { answerError, isErrorBody } from '../../../src/plugins/kit/provider-answer-error.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';

const key = 'sk-test-0123456789abcdef';
const read = (body: unknown, status = 400, headers = {}) => {
  const { message, type, code, httpStatus, errorClass } = answerError(body, { key, status, headers });
  return { message, type, code, httpStatus, errorClass };
};

describe('the error that a provider answers', () => {
  test.each<[string, unknown, { readonly message: string; readonly type?: string; readonly code?: string }]>([
    ['OpenAI', { error: { message: 'No.', type: 'invalid_request_error', param: null, code: 'bad' } }, { message: 'No.', type: 'invalid_request_error', code: 'bad' }],
    ['Anthropic', { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded', details: { error_code: 'x' } } }, { message: 'Overloaded', type: 'overloaded_error', code: 'x' }],
    ['Google, in a list', [{ error: { code: 400, message: 'Bad', status: 'INVALID_ARGUMENT' } }], { message: 'Bad', type: 'INVALID_ARGUMENT', code: '400' }],
    ['Cloudflare', { success: false, errors: [{ code: 5007, message: 'No such model' }], result: null }, { message: 'No such model', code: '5007' }],
    ['Mistral, a detail', { detail: 'Unauthorized' }, { message: 'Unauthorized' }],
    ['Mistral, a list of details', { detail: [{ msg: 'extra' }] }, { message: 'extra' }],
    ['Mistral, a message that is an object', { object: 'error', message: { detail: [{ loc: ['x'] }] }, type: 't', code: '1300' }, { message: '{"loc":["x"]}', type: 't', code: '1300' }],
    ['Mistral, fields that it does not know', { object: 'error', message: { detail: [{ type: 'extra_forbidden', loc: ['body', 'top_k'], msg: 'Extra inputs are not permitted', input: 4 }, { loc: ['body', 'messages', 0], msg: 'Field required' }] } }, { message: 'body.top_k: Extra inputs are not permitted; body.messages.0: Field required' }],
    ['Ollama', { error: 'model not there' }, { message: 'model not there' }],
    ['xAI', { code: 'Client error', error: 'Bad key' }, { message: 'Bad key', code: 'Client error' }],
    ['OpenRouter', { error: { code: 402, message: 'Pay', metadata: { error_type: 'payment_required' } } }, { message: 'Pay', type: 'payment_required', code: '402' }],
    ['plain text', 'upstream connect error', { message: 'upstream connect error' }],
    ['a page with a title', '<html><head><title>502 Bad Gateway</title></head><body>…</body></html>', { message: '502 Bad Gateway' }],
    ['a page without one', '<html></html>', { message: 'HTTP 400 without a message' }],
    ['nothing', '', { message: 'HTTP 400 without a message' }],
    ['an empty object', {}, { message: 'HTTP 400 without a message' }],
    ['a number', 7, { message: 'HTTP 400 without a message' }],
  ])('is read from the shape of %s, parsed or as text', (_who, body, expected) => {
    const wanted = { message: expected.message, type: expected.type, code: expected.code };
    expect(read(body)).toMatchObject(wanted);
    expect(read(typeof body === 'string' ? body : JSON.stringify(body))).toMatchObject(wanted);
  });

  test('holds no key, in no field', () => {
    const error = answerError({ error: { message: `Wrong key ${key} (${key.slice(0, 12)}…)`, type: key, code: `bad ${key}` } }, { key, status: 401 });
    expect(JSON.stringify([error, error.message, error.stack])).not.toContain(key.slice(0, 8));
  });

  test('is at most 512 bytes', () => {
    expect(Buffer.byteLength(read({ error: { message: 'ä'.repeat(1000) } }).message)).toBeLessThanOrEqual(512);
  });

  test.each([
    ['one endless word', 'a'.repeat(65_536)],
    ['titles that never end', '<title '.repeat(9000)],
    ['the beginnings of a sentence', 'model '.repeat(10_000)],
    ['lists without end', `{"error":{"message":${'['.repeat(32_000)}${']'.repeat(32_000)}}}`],
    ['objects without end', `{"error":{"message":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}}`],
    ['words without end', JSON.stringify({ error: { message: 'm'.repeat(60_000), type: 't'.repeat(60_000), code: 'c'.repeat(60_000) } })],
  ])('is read at once, whatever it is: %s', (_what, body) => {
    const started = performance.now();
    const { message, type, code, errorClass } = read(body, 500);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(errorClass).toBe(ErrorClass.SERVER);
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(512);
    for (const word of [type ?? '', code ?? '']) expect(Buffer.byteLength(word)).toBeLessThanOrEqual(64);
  });

  test.each([
    [{ error: { message: 'x', status_code: 503 } }, ErrorClass.OVERLOADED],
    [{ error: { message: 'x', http_status_code: 404 } }, ErrorClass.NOT_FOUND],
    [{ error: { message: 'x', code: '429' } }, ErrorClass.RATE_LIMIT],
    [{ error: { message: 'x', status_code: 'soon' } }, ErrorClass.SERVER],
  ])('inside a stream has the status that it names itself: %j', (body, errorClass) => {
    expect(read(body, 200).errorClass).toBe(errorClass);
  });

  test('has no status of its own when it came inside a stream, but a class by its code', () => {
    const error = answerError({ error: { code: 502, message: 'upstream' } }, { key });
    expect({ status: error.httpStatus, class: error.errorClass }).toEqual({ status: undefined, class: ErrorClass.SERVER });
  });

  test('brings the wait and the usage along', () => {
    const error = answerError({ error: { message: 'slow down' } }, { key, status: 429, headers: { 'retry-after': '2' }, usage: { inputTokens: 3n } });
    expect({ wait: error.retryAfterMs, usage: error.usage }).toEqual({ wait: 2000, usage: { inputTokens: 3n } });
  });

  test('is told apart from an answer by its body', () => {
    expect([{ error: {} }, { error: 'text' }, { type: 'error' }].map(isErrorBody)).toEqual([true, true, true]);
    expect([{ error: null }, { error: '' }, { type: 'message' }, {}].map(isErrorBody)).toEqual([false, false, false, false]);
  });
});
