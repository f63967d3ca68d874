import { describe, expect, test } from 'vitest';
import { tokenUsage, type ProviderCounts } from '../../../src/plugins/kit/usage.ts';

describe('usage in the common meaning', () => {
  test.each<[string, ProviderCounts, unknown]>([
    ['input that includes the cache', { input: 100, output: 20, cacheRead: 80 }, { inputTokens: 100n, outputTokens: 20n, cacheReadInputTokens: 80n }],
    ['input that leaves out the cache', { input: 10, output: 20, cacheRead: 80, cacheCreation: 5, inputLeavesOutCache: true }, { inputTokens: 95n, outputTokens: 20n, cacheReadInputTokens: 80n, cacheCreationInputTokens: 5n }],
    ['a cache that is not mentioned', { input: 10, output: 20, inputLeavesOutCache: true }, { inputTokens: 10n, outputTokens: 20n }],
    ['output that includes reasoning', { input: 10, output: 20, reasoning: 15, total: 30 }, { inputTokens: 10n, outputTokens: 20n, reasoningOutputTokens: 15n }],
    ['reasoning beside the output', { input: 10, output: 20, reasoning: 15, total: 45 }, { inputTokens: 10n, outputTokens: 35n, reasoningOutputTokens: 15n }],
    ['a total that fits neither', { input: 10, output: 20, reasoning: 15, total: 99 }, { inputTokens: 10n, outputTokens: 20n, reasoningOutputTokens: 15n }],
    ['counts that are 0', { input: 0, output: 0, cacheRead: 0, webSearches: 0 }, { inputTokens: 0n, outputTokens: 0n, cacheReadInputTokens: 0n, webSearchRequests: 0n }],
    ['only an output', { output: 7 }, { outputTokens: 7n }],
    ['counts that are none', { input: -1, output: 1.5, reasoning: '7', cacheRead: null, total: Number.NaN }, undefined],
    ['nothing', {}, undefined],
  ])('is made of %s', (_what, counts, expected) => {
    expect(tokenUsage(counts)).toEqual(expected);
  });
});
