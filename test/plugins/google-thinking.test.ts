import { describe, expect, test } from 'vitest';
import { requestBody } from '../../src/plugins/google/request-body.ts';
import { generateRequest } from '../generate-request.ts';

/** What a request says of thinking, and which of its fields are left out. */
function thinking(model: string, effort: string, maxReasoningTokens?: number): unknown {
  const { body, ignoredFields } = requestBody(generateRequest({ baseUrl: '', model, reasoning: { effort, maxReasoningTokens } }));
  const { thinkingConfig } = (body['generationConfig'] ?? {}) as { thinkingConfig?: object };
  return { ...thinkingConfig, ignored: ignoredFields };
}

const level = (thinkingLevel: string) => ({ thinkingLevel, includeThoughts: true, ignored: [] });
const budget = (thinkingBudget: number) => ({ thinkingBudget, includeThoughts: true, ignored: [] });

describe('the thinking of Gemini', () => {
  test('is left to the model when nobody asks', () => {
    expect(thinking('gemini-3.5-flash', '')).toEqual({ ignored: [] });
    expect(requestBody(generateRequest({ baseUrl: '', model: 'gemini-2.5-pro' })).body).not.toHaveProperty('generationConfig');
  });

  test.each<[string, string, string]>([
    ['gemini-3.5-flash', 'minimal', 'minimal'],
    ['gemini-3.5-flash', 'medium', 'medium'],
    ['gemini-3.5-flash', 'xhigh', 'high'],
    ['models/gemini-3.6-flash', 'minimal', 'minimal'],
    ['gemini-3.7-flash', 'minimal', 'low'],
    ['gemini-3.10-flash', 'minimal', 'low'],
    ['gemini-3.8-flash-lite', 'minimal', 'minimal'],
    ['gemini-3.1-pro-preview', 'minimal', 'low'],
    ['gemini-3.1-pro-preview', 'medium', 'medium'],
    ['gemini-3-pro-preview', 'medium', 'high'],
    ['gemini-flash-latest', 'minimal', 'low'],
    ['gemini-flash-lite-latest', 'minimal', 'minimal'],
    ['gemini-4-something', 'max', 'high'],
    ['gemma-4-31b-it', 'low', 'minimal'],
    ['gemma-4-31b-it', 'medium', 'high'],
  ])('of %s with the effort %s is the level %s', (model, effort, expected) => {
    expect(thinking(model, effort)).toEqual(level(expected));
  });

  test.each<[string, string, number | undefined, number]>([
    ['gemini-2.5-flash', '', 5000, 5000],
    ['gemini-2.5-flash', '', 90_000, 24_576],
    ['gemini-2.5-pro', '', 90_000, 32_768],
    ['gemini-2.5-flash', 'low', undefined, 1024],
    ['gemini-2.5-flash', 'medium', undefined, 8192],
    ['gemini-2.5-pro', 'high', undefined, 24_576],
    ['gemini-2.5-pro', 'max', undefined, 32_768],
    ['gemini-2.5-flash', 'high', 2000, 2000],
    ['gemini-2.5-flash-lite', 'low', undefined, 1024],
  ])('of %s with the effort "%s" and the limit %s is a budget of %i', (model, effort, limit, expected) => {
    expect(thinking(model, effort, limit)).toEqual(budget(expected));
  });

  test.each<[string, string, number | undefined, unknown]>([
    ['gemini-2.5-flash', 'none', undefined, { thinkingBudget: 0, ignored: [] }],
    ['gemini-2.5-flash', '', 0, { thinkingBudget: 0, ignored: [] }],
    ['gemini-2.5-pro', 'none', undefined, { thinkingBudget: 128, ignored: ['reasoning'] }],
    ['gemini-2.5-pro', '', 50, { thinkingBudget: 128, includeThoughts: true, ignored: ['reasoning.max_reasoning_tokens'] }],
    ['gemini-2.5-flash-lite', '', 100, { thinkingBudget: 0, ignored: ['reasoning'] }],
    ['gemini-3.5-flash', 'none', undefined, { thinkingLevel: 'minimal', ignored: ['reasoning'] }],
    ['gemini-3.8-flash', '', 0, { thinkingLevel: 'low', ignored: ['reasoning'] }],
    ['gemini-3.5-flash', '', 4000, { includeThoughts: true, ignored: ['reasoning.max_reasoning_tokens'] }],
    ['gemini-3.5-flash', 'low', 4000, { thinkingLevel: 'low', includeThoughts: true, ignored: ['reasoning.max_reasoning_tokens'] }],
    ['gemini-2.0-flash', 'high', undefined, { ignored: ['reasoning'] }],
    ['gemini-2.0-flash', 'none', undefined, { ignored: [] }],
    ['gemini-2.5-flash-image', 'high', undefined, { ignored: ['reasoning'] }],
    ['gemma-3-27b-it', 'high', undefined, { ignored: ['reasoning'] }],
  ])('of %s with the effort "%s" and the limit %s says what is left out', (model, effort, limit, expected) => {
    expect(thinking(model, effort, limit)).toEqual(expected);
  });
});
