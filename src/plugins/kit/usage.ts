import type { TokenUsage } from '../provider.ts';
import { countOf } from './json.ts';

/** A provider's counts as they stand in its JSON. What is missing, null or no whole number is not known. */
export interface ProviderCounts {
  readonly input?: unknown;
  readonly output?: unknown;
  /** The provider's own sum: tells whether reasoning stands beside the output or inside it. */
  readonly total?: unknown;
  readonly cacheRead?: unknown;
  readonly cacheCreation?: unknown;
  readonly cacheCreation1h?: unknown;
  readonly reasoning?: unknown;
  readonly audioInput?: unknown;
  readonly audioOutput?: unknown;
  readonly imageOutput?: unknown;
  readonly webSearches?: unknown;
  /** Whether `input` leaves out what was read from and written to the cache. Default false. */
  readonly inputLeavesOutCache?: boolean;
}

const MEANING: readonly (readonly [keyof TokenUsage, keyof ProviderCounts])[] = [
  ['inputTokens', 'input'],
  ['outputTokens', 'output'],
  ['cacheReadInputTokens', 'cacheRead'],
  ['cacheCreationInputTokens', 'cacheCreation'],
  ['cacheCreation1hInputTokens', 'cacheCreation1h'],
  ['reasoningOutputTokens', 'reasoning'],
  ['audioInputTokens', 'audioInput'],
  ['audioOutputTokens', 'audioOutput'],
  ['imageOutputTokens', 'imageOutput'],
  ['webSearchRequests', 'webSearches'],
];

/**
 * Brings a provider's counts to the common meaning: input includes what was cached, output includes reasoning. A count that
 * the provider did not give stays unset. Undefined when it gave none at all.
 */
export function tokenUsage(counts: ProviderCounts): TokenUsage | undefined {
  const usage: TokenUsage = {};
  let known = false;
  for (const [field, source] of MEANING) {
    const count = countOf(counts[source]);
    if (count === undefined) continue;
    usage[field] = count;
    known = true;
  }
  if (!known) return undefined;
  const { inputTokens: input, outputTokens: output, reasoningOutputTokens: reasoning } = usage;
  if (input !== undefined && counts.inputLeavesOutCache === true) {
    usage.inputTokens = input + (usage.cacheReadInputTokens ?? 0n) + (usage.cacheCreationInputTokens ?? 0n);
  }
  const total = countOf(counts.total);
  if (usage.inputTokens !== undefined && output !== undefined && reasoning !== undefined && reasoning > 0n && total === usage.inputTokens + output + reasoning) {
    usage.outputTokens = output + reasoning;
  }
  return usage;
}
