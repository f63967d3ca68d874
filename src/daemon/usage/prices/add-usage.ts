import type { TokenUsage } from '../../../gen/tollgate/v1/content.ts';

const FIELDS = [
  'inputTokens',
  'outputTokens',
  'cacheReadInputTokens',
  'cacheCreationInputTokens',
  'cacheCreation1hInputTokens',
  'reasoningOutputTokens',
  'audioInputTokens',
  'audioOutputTokens',
  'imageOutputTokens',
  'webSearchRequests',
] as const satisfies readonly (keyof TokenUsage)[];

/** Two usages together. What neither knows stays unset. */
export function addUsage(a: TokenUsage | undefined, b: TokenUsage | undefined): TokenUsage | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const sum: TokenUsage = {};
  for (const field of FIELDS) if (a[field] !== undefined || b[field] !== undefined) sum[field] = (a[field] ?? 0n) + (b[field] ?? 0n);
  return sum;
}
