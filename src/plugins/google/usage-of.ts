import { arrayOf, isObject, type JsonObject } from '../kit/json.ts';
import { tokenUsage } from '../kit/usage.ts';
import type { TokenUsage } from '../provider.ts';

/** The sum of what is known; undefined when neither is. Google leaves a count out when it is 0. */
function sum(a: unknown, b: unknown): number | undefined {
  if (typeof a !== 'number') return typeof b === 'number' ? b : undefined;
  return typeof b === 'number' ? a + b : a;
}

const ofModality = (details: unknown, modality: string): unknown => arrayOf(details).find((detail) => isObject(detail) && detail['modality'] === modality);

const countIn = (details: unknown, modality: string): unknown => {
  const detail = ofModality(details, modality);
  return isObject(detail) ? detail['tokenCount'] : undefined;
};

/**
 * Google's counts in the common meaning. Its thoughts stand beside the candidates, and what its own tools found beside the
 * prompt: both are billed.
 */
export const usageOf = (counts: JsonObject): TokenUsage | undefined =>
  tokenUsage({
    input: counts['promptTokenCount'] === undefined ? undefined : sum(counts['promptTokenCount'], counts['toolUsePromptTokenCount']),
    output: sum(counts['candidatesTokenCount'], counts['thoughtsTokenCount']),
    cacheRead: counts['cachedContentTokenCount'],
    reasoning: counts['thoughtsTokenCount'],
    audioInput: countIn(counts['promptTokensDetails'], 'AUDIO'),
    audioOutput: countIn(counts['candidatesTokensDetails'], 'AUDIO'),
    imageOutput: countIn(counts['candidatesTokensDetails'], 'IMAGE'),
  });
