import { describe, expect, test } from 'vitest';
import { retryAfterMs } from '../../../src/plugins/kit/retry-after.ts';

const now = Date.parse('2026-11-23T12:00:00Z');
const wait = (headers: Readonly<Record<string, string>>, error = {}, message = '') => retryAfterMs(headers, error, message, now);

describe('the wait that a provider asks for', () => {
  test.each<[string, Readonly<Record<string, string>>, number | undefined]>([
    ['seconds', { 'retry-after': '23' }, 23_000],
    ['many seconds', { 'retry-after': '505' }, 505_000],
    ['parts of a second', { 'retry-after': ' 1.5 ' }, 1500],
    ['no wait', { 'retry-after': '0' }, 0],
    ['a date', { 'retry-after': 'Mon, 23 Nov 2026 12:01:30 GMT' }, 90_000],
    ['a date that has passed', { 'retry-after': 'Mon, 23 Nov 2026 11:00:00 GMT' }, 0],
    ['milliseconds', { 'retry-after-ms': '250' }, 250],
    ['milliseconds beside longer seconds', { 'retry-after-ms': '0', 'retry-after': '1' }, 1000],
    ['milliseconds beside rounded seconds', { 'retry-after-ms': '1300', 'retry-after': '1' }, 1300],
    ['nothing', {}, undefined],
    ['an empty header', { 'retry-after': '', 'retry-after-ms': ' ' }, undefined],
    ['nonsense', { 'retry-after': 'soon', 'retry-after-ms': 'x' }, undefined],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['more than a day', { 'retry-after': '90000' }, undefined],
    ['a version', { 'retry-after': '1.2.3' }, undefined],
    ['a power of ten', { 'retry-after': '1e9', 'retry-after-ms': '1e3' }, undefined],
    ['a number of another base', { 'retry-after': '0x10' }, undefined],
    ['more digits than a number has', { 'retry-after': '9'.repeat(400) }, undefined],
    ['words with a number', { 'retry-after': 'in 5 or so' }, undefined],
    ['a date that is none', { 'retry-after': 'Mon, 99 Foo 2026 12:01:30 GMT' }, undefined],
    ['a date as it was written long ago', { 'retry-after': 'Monday, 23-Nov-26 12:01:30 GMT' }, 90_000],
    ['a date as computers write it', { 'retry-after': '2026-11-23T12:01:30Z' }, 90_000],
  ])('is read from headers: %s', (_what, headers, ms) => {
    expect(wait(headers)).toBe(ms);
  });

  test.each([
    ['34s', 34_000],
    ['0.5s', 500],
    ['130ms', 130],
    ['2m59.56s', 179_560],
    ['1h2m3s', 3_723_000],
    ['soon', undefined],
  ])("is read from Google's RetryInfo: %s", (retryDelay, ms) => {
    expect(wait({}, { details: [{ '@type': 'QuotaFailure' }, { '@type': 'RetryInfo', retryDelay }] })).toBe(ms);
  });

  test("is no hint when Google's RetryInfo has no end", () => {
    expect(wait({}, { details: [{ retryDelay: '1h'.repeat(2_000_000) }] })).toBeUndefined();
  });

  test.each([
    ['Rate limit reached. Please try again in 9m38.016s. Visit…', 578_016],
    ['Please try again in 6ms.', 6],
    ['Please try again in 20s', 20_000],
    ['Please retry in 34.074824224s.', 34_075],
    ['Please retry after 26 seconds.', 26_000],
    ['Try again in 1 minute', 60_000],
    ['Please try again in 5monkeys', undefined],
    [`Please try again in ${'1'.repeat(100_000)}`, undefined],
    ['Please try again in a while', undefined],
  ])('is read from the words "%s"', (message, ms) => {
    expect(wait({}, {}, message)).toBe(ms);
  });

  test("is read from OpenRouter's metadata", () => {
    expect(wait({}, { metadata: { retry_after_seconds: 7 } })).toBe(7000);
  });

  test('comes from the headers first', () => {
    expect(wait({ 'retry-after': '5' }, { details: [{ retryDelay: '34s' }] }, 'try again in 20s')).toBe(5000);
  });
});
