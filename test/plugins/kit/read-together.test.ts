import { expect, test } from 'vitest';
import { Parts } from '../../../src/plugins/kit/parts.ts';
import { readTogether } from '../../../src/plugins/kit/read-together.ts';
import { withUsage } from '../../../src/plugins/kit/with-usage.ts';
import { ErrorClass, ProviderError, type ProviderEvent } from '../../../src/plugins/provider.ts';

test('what arrived together leaves together, and an error after what stands before it', () => {
  const parts = new Parts();
  const told: ProviderEvent[] = [];
  const failure = new Error('the third is broken');
  const read = (piece: string): readonly ProviderEvent[] => {
    if (piece === '!') throw failure;
    return [parts.text(piece)];
  };
  expect(() => {
    for (const event of readTogether(['a', 'b', '!', 'c'], read)) told.push(event);
  }).toThrow(failure);
  expect(told).toMatchObject([{ $case: 'textDelta', value: { part: 0, text: 'ab' } }]);
});

test('an error takes the usage along that was reported before it', () => {
  const error = new ProviderError(ErrorClass.TRUNCATED, 'cut', { httpStatus: 200, type: 't', code: 'c', retryAfterMs: 5, cause: 'why' });
  expect(withUsage(error, { inputTokens: 3n })).toMatchObject({ errorClass: ErrorClass.TRUNCATED, message: 'cut', httpStatus: 200, type: 't', code: 'c', retryAfterMs: 5, cause: 'why', usage: { inputTokens: 3n } });
  expect(withUsage(error, undefined)).toBe(error);
  const told = new ProviderError(ErrorClass.SERVER, 'no', { usage: { inputTokens: 1n } });
  expect(withUsage(told, { inputTokens: 3n })).toBe(told);
  const other = new Error('not ours');
  expect(withUsage(other, { inputTokens: 3n })).toBe(other);
  const gone = AbortSignal.abort();
  expect(withUsage(other, { inputTokens: 3n }, gone)).toMatchObject({ errorClass: ErrorClass.TRUNCATED, usage: { inputTokens: 3n }, cause: other });
  expect(withUsage(other, undefined, gone)).toBe(other);
});
