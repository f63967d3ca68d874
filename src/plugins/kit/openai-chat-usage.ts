import type { TokenUsage } from '../provider.ts';
import type { JsonObject } from './json.ts';
import { countOf, isObject, objectOf } from './json.ts';
import { picoUsd } from './pico-usd.ts';
import { tokenUsage } from './usage.ts';

/** The `usage` of the OpenAI dialect, with what its speakers put elsewhere. Undefined when it says nothing. */
export function chatUsage(raw: JsonObject): TokenUsage | undefined {
  const input = objectOf(raw['prompt_tokens_details']) ?? objectOf(raw['input_tokens_details']);
  const output = objectOf(raw['completion_tokens_details']) ?? objectOf(raw['output_tokens_details']);
  const serverTools = objectOf(raw['server_tool_use_details']) ?? objectOf(raw['server_tool_use']);
  return tokenUsage({
    input: raw['prompt_tokens'] ?? raw['input_tokens'],
    output: raw['completion_tokens'] ?? raw['output_tokens'],
    total: raw['total_tokens'],
    cacheRead: input?.['cached_tokens'] ?? raw['cached_tokens'] ?? raw['prompt_cache_hit_tokens'],
    // OpenRouter sends 0 for every model, also for those that have no cache to write to: it says nothing.
    cacheCreation: input?.['cache_write_tokens'] || undefined,
    reasoning: output?.['reasoning_tokens'] ?? raw['reasoning_tokens'],
    audioInput: input?.['audio_tokens'],
    audioOutput: output?.['audio_tokens'],
    imageOutput: output?.['image_tokens'],
    webSearches: serverTools?.['web_search_requests'] ?? raw['num_search_queries'],
  });
}

/** A tick is 10^-10 US dollars. */
const PICO_USD_PER_TICK = 100n;

/** The cost that a `usage` states, in pico-USD: ticks (xAI), a number of dollars (OpenRouter) or a sum of costs (Perplexity). */
export function chatCost(raw: JsonObject): bigint | undefined {
  const ticks = countOf(raw['cost_in_usd_ticks']);
  if (ticks !== undefined) return ticks * PICO_USD_PER_TICK;
  const cost = raw['cost'];
  return picoUsd(isObject(cost) ? cost['total_cost'] : cost);
}

const atLeast = (a: bigint | undefined, b: bigint | undefined): boolean => (a ?? 0n) >= (b ?? 0n);

const plus = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || b === undefined ? (a ?? b) : a + b;

/**
 * Puts a count after counts that came before it, where a provider sends both increments and sums: a count that is not below
 * what was known is the sum, anything else adds to it.
 */
export function addUsage(known: TokenUsage | undefined, next: TokenUsage): TokenUsage {
  if (known === undefined || (atLeast(next.inputTokens, known.inputTokens) && atLeast(next.outputTokens, known.outputTokens))) return next;
  return {
    inputTokens: plus(known.inputTokens, next.inputTokens),
    outputTokens: plus(known.outputTokens, next.outputTokens),
    cacheReadInputTokens: plus(known.cacheReadInputTokens, next.cacheReadInputTokens),
    cacheCreationInputTokens: plus(known.cacheCreationInputTokens, next.cacheCreationInputTokens),
    reasoningOutputTokens: plus(known.reasoningOutputTokens, next.reasoningOutputTokens),
  };
}
