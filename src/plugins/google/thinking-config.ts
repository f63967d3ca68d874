import type { JsonObject } from '../kit/json.ts';
import { unsupported, type GenerateRequest } from '../provider.ts';
import type { Thinking, ThinkingLevel } from './model-traits.ts';

/** What a request says of thinking, in Google's words. */
export interface ThinkingConfig {
  /** Undefined when the model decides. */
  readonly config: JsonObject | undefined;
  /** Fields of the request that the model does not take. */
  readonly ignored: readonly string[];
}

/** The words for an effort, as ranks among the levels. */
const RANKS: ReadonlyMap<string, number> = new Map([
  ['minimal', 0],
  ['low', 1],
  ['medium', 2],
  ['high', 3],
  ['xhigh', 3],
  ['max', 3],
]);

/** What Google itself makes of an effort for models that know budgets only. More is the model's own maximum. */
const BUDGETS: ReadonlyMap<string, number> = new Map([
  ['minimal', 1024],
  ['low', 1024],
  ['medium', 8192],
  ['high', 24_576],
]);

const rankOf = (effort: string): number => {
  const rank = RANKS.get(effort);
  if (rank === undefined) throw unsupported('reasoning.effort', `Gemini knows ${[...RANKS.keys(), 'none'].join(', ')}`);
  return rank;
};

/** The nearest level that the model has; of two, the higher one. */
function nearestLevel(effort: string, levels: readonly [ThinkingLevel, ...ThinkingLevel[]]): ThinkingLevel {
  const asked = rankOf(effort);
  const distance = (level: ThinkingLevel): number => Math.abs(rankOf(level) - asked);
  return levels.reduce((best, level) => (distance(level) <= distance(best) ? level : best));
}

function withBudget(effort: string, limit: number | undefined, { min, max, canBeOff }: Extract<Thinking, { kind: 'budget' }>): ThinkingConfig {
  if (effort !== '') rankOf(effort);
  const wanted = Math.min((effort === '' ? undefined : BUDGETS.get(effort)) ?? max, limit ?? max, max);
  if (wanted >= min) return { config: { thinkingBudget: wanted, includeThoughts: true }, ignored: [] };
  // Below the least budget nothing is within the limit but not thinking at all.
  if (canBeOff) return { config: { thinkingBudget: 0 }, ignored: ['reasoning'] };
  return { config: { thinkingBudget: min, includeThoughts: true }, ignored: ['reasoning.max_reasoning_tokens'] };
}

function off(thinking: Exclude<Thinking, { kind: 'none' }>): ThinkingConfig {
  if (thinking.kind === 'level') return { config: { thinkingLevel: thinking.levels[0] }, ignored: ['reasoning'] };
  return thinking.canBeOff ? { config: { thinkingBudget: 0 }, ignored: [] } : { config: { thinkingBudget: thinking.min }, ignored: ['reasoning'] };
}

/** A level or a budget, never both: Google refuses them together. */
export function thinkingConfig({ reasoning }: Pick<GenerateRequest, 'reasoning'>, thinking: Thinking): ThinkingConfig {
  const { effort = '', maxReasoningTokens: limit } = reasoning ?? {};
  if (effort === '' && limit === undefined) return { config: undefined, ignored: [] };
  const wantsNone = effort === 'none' || limit === 0;
  if (thinking.kind === 'none') return { config: undefined, ignored: wantsNone ? [] : ['reasoning'] };
  if (wantsNone) return off(thinking);
  if (thinking.kind === 'budget') return withBudget(effort, limit, thinking);
  const level = effort === '' ? {} : { thinkingLevel: nearestLevel(effort, thinking.levels) };
  return { config: { ...level, includeThoughts: true }, ignored: limit === undefined ? [] : ['reasoning.max_reasoning_tokens'] };
}
