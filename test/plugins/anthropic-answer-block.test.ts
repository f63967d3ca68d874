import { expect, test } from 'vitest';
import { AnswerBlock } from '../../src/plugins/anthropic/answer-block.ts';
import { Parts } from '../../src/plugins/kit/parts.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';

const fragments = Array.from({ length: 17 }, () => 'x'.repeat(64 * 1024));
const readAll = (type: string): number => {
  const parts = new Parts();
  const block = new AnswerBlock({ type, id: 'a', name: 'search', input: {} }, 0);
  block.start(parts);
  return fragments.flatMap((partial_json) => block.read({ type: 'input_json_delta', partial_json }, parts)).length;
};

test("an input of Anthropic's own tool that has no end is refused, and a call's arguments may be long", () => {
  expect(() => readAll('server_tool_use')).toThrow(expect.objectContaining({ errorClass: ErrorClass.INVALID_RESPONSE }));
  expect(readAll('tool_use')).toBe(17);
});

test('citations that have no end are refused', () => {
  const parts = new Parts();
  const block = new AnswerBlock({ type: 'text', text: '' }, 0);
  block.start(parts);
  const citation = { type: 'char_location', cited_text: 'x'.repeat(64 * 1024) };
  expect(() => fragments.map(() => block.read({ type: 'citations_delta', citation }, parts))).toThrow(expect.objectContaining({ errorClass: ErrorClass.INVALID_RESPONSE }));
});
