import { describe, expect, test } from 'vitest';
import { requestBody } from '../../src/plugins/anthropic/request-body.ts';
import type { GenerateRequest } from '../../src/plugins/provider.ts';
import { generateRequest } from '../generate-request.ts';

type Fields = Partial<Omit<GenerateRequest, 'instance'>>;

/** What a request says beside its model and its messages, and which of its fields are left out. */
function rulesOf(fields: Fields): unknown {
  const { body, ignoredFields } = requestBody(generateRequest({ baseUrl: '', model: 'claude-sonnet-4-5', ...fields }));
  const { model: _model, messages: _messages, stream: _stream, ...rules } = body;
  return { ...rules, ignored: ignoredFields };
}

describe('the rules of a model of Anthropic', () => {
  const think = (effort: string, maxReasoningTokens?: number) => ({ reasoning: { effort, maxReasoningTokens } });

  test.each([
    ['claude-opus-5', 128_000],
    ['claude-fable-5', 128_000],
    ['claude-opus-4-6', 128_000],
    ['claude-sonnet-4-5-20250929', 64_000],
    ['claude-opus-4-1-20250805', 32_000],
    ['claude-opus-4-20250514', 32_000],
    ['claude-sonnet-4-20250514', 64_000],
    ['claude-3-7-sonnet-20250219', 64_000],
    ['claude-3-5-haiku-latest', 8192],
    ['claude-3-haiku-20240307', 4096],
    ['claude-sonnet-9', 128_000],
    ['somebody/else', 8192],
  ])('let %s write %i tokens when nobody says how many', (model, maxTokens) => {
    expect(rulesOf({ model })).toEqual({ max_tokens: maxTokens, ignored: [] });
  });

  test.each<[string, Fields, unknown]>([
    ['thinks adaptively', { model: 'claude-opus-5', ...think('xhigh') }, { max_tokens: 128_000, thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'xhigh' }, ignored: [] }],
    ['does not think', { model: 'claude-opus-5', ...think('none') }, { max_tokens: 128_000, thinking: { type: 'disabled' }, ignored: [] }],
    ['knows no budget', { model: 'claude-opus-4-8', ...think('', 5000) }, { max_tokens: 128_000, thinking: { type: 'adaptive', display: 'summarized' }, ignored: ['reasoning.max_reasoning_tokens'] }],
    ['cannot but think', { model: 'claude-fable-5', ...think('', 0) }, { max_tokens: 128_000, output_config: { effort: 'low' }, ignored: ['reasoning'] }],
    ['takes an effort', { model: 'claude-opus-4-6', ...think('minimal') }, { max_tokens: 128_000, thinking: { type: 'adaptive' }, output_config: { effort: 'low' }, ignored: [] }],
    ['takes a budget too', { model: 'claude-opus-4-6', ...think('high', 4000) }, { max_tokens: 128_000, thinking: { type: 'enabled', budget_tokens: 4000 }, output_config: { effort: 'high' }, ignored: [] }],
    ['makes an effort a budget', { ...think('medium') }, { max_tokens: 64_000, thinking: { type: 'enabled', budget_tokens: 16_000 }, ignored: [] }],
    ['keeps the budget below the answer', { maxOutputTokens: 2000, ...think('', 9000) }, { max_tokens: 2000, thinking: { type: 'enabled', budget_tokens: 1999 }, ignored: [] }],
    ['has no room to think', { maxOutputTokens: 1000, ...think('low') }, { max_tokens: 1000, ignored: ['reasoning'] }],
    ['may think less than it can', { ...think('', 500) }, { max_tokens: 64_000, ignored: ['reasoning'] }],
    ['never thinks', { model: 'claude-3-5-haiku-latest', ...think('high') }, { max_tokens: 8192, ignored: ['reasoning'] }],
    ['takes every sampling field', { model: 'claude-3-haiku-20240307', temperature: 0.7, topP: 0.9, topK: 40, stopSequences: ['END'] }, { max_tokens: 4096, temperature: 0.7, top_p: 0.9, top_k: 40, stop_sequences: ['END'], ignored: [] }],
    ['takes a temperature or top_p', { temperature: 0.7, topP: 0.9, topK: 40 }, { max_tokens: 64_000, temperature: 0.7, top_k: 40, ignored: ['top_p'] }],
    ['takes top_p alone', { topP: 0.9 }, { max_tokens: 64_000, top_p: 0.9, ignored: [] }],
    ['takes no sampling field', { model: 'claude-sonnet-5', temperature: 0.7, topP: 0.9, topK: 40, seed: 7n }, { max_tokens: 128_000, ignored: ['temperature', 'top_p', 'top_k', 'seed'] }],
    ['has no temperature above 1', { temperature: 1.5 }, { max_tokens: 64_000, ignored: ['temperature'] }],
    ['thinks at its own temperature', { temperature: 0.7, topK: 5, ...think('low') }, { max_tokens: 64_000, thinking: { type: 'enabled', budget_tokens: 8000 }, ignored: ['temperature', 'top_k'] }],
    ['takes temperature 1 while it thinks', { temperature: 1, ...think('low') }, { max_tokens: 64_000, temperature: 1, thinking: { type: 'enabled', budget_tokens: 8000 }, ignored: [] }],
  ])('hold for one that %s', (_what, fields, expected) => {
    expect(rulesOf(fields)).toEqual(expected);
  });
});
