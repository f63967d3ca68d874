import { expect } from 'vitest';
import { ErrorClass } from '../src/plugins/provider.ts';
import { providerErrorOf, type CollectedAnswer } from './collect-answer.ts';

/** How a cut answer may fail. */
export const CUT_CLASSES: readonly ErrorClass[] = [ErrorClass.TRUNCATED, ErrorClass.NETWORK, ErrorClass.INVALID_RESPONSE];

/** What an answer says. Ids are left out: where the provider gives none, each answer has its own. */
export const essence = ({ parts, finish }: CollectedAnswer): unknown => ({
  parts: parts.map(({ kind, text, name, index, signature, metadata }) => ({ kind, text, name, index, signature, metadata })),
  finishReason: finish?.finishReason,
  model: finish?.responseModel,
});

/** Started first, one finish last, deltas between them, parts numbered from 0 without gaps. */
export function expectOrder({ order, parts }: CollectedAnswer): void {
  expect(order[0]).toBe('started');
  expect(order.at(-1)).toBe('finish');
  expect(order.filter((kind) => kind === 'started' || kind === 'finish')).toEqual(['started', 'finish']);
  expect(parts.length).toBeGreaterThan(0);
  expect(Object.keys(parts).length).toBe(parts.length);
}

/** A cut answer fails, or it is the whole one: its usage alone may be missing. */
export function expectCutOrWhole(cut: CollectedAnswer, whole: CollectedAnswer, place: string): void {
  if (cut.error === undefined) {
    expect(essence(cut), place).toEqual(essence(whole));
    if (cut.finish?.usage !== undefined) expect(cut.finish.usage, place).toEqual(whole.finish?.usage);
    return;
  }
  expect(cut.order, place).not.toContain('finish');
  expect(CUT_CLASSES, place).toContain(providerErrorOf(cut).errorClass);
}
