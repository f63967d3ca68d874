import { Failure } from '../failure.ts';
import type { KnownModel } from '../plugins/model-lists.ts';
import { fits, type FitAttempt } from './choose-attempt.ts';
import { passOver } from './pass-over.ts';
import type { Route } from './plan-route.ts';
import type { NeededWord, RequestNeeds } from './request-needs.ts';
import type { Candidate } from './resolve-model.ts';

/** What is known of models without asking anybody. */
export interface ModelKnowledge {
  /** What the provider itself says. */
  known(candidate: Candidate): KnownModel | undefined;
  /** How much a price list says that it reads and writes together. */
  listedWindow(candidate: Candidate): bigint | undefined;
}

interface Misfit {
  readonly why: string;
  /** Whether the provider itself said lately that it refuses this. What is old, or what others say, may be wrong. */
  readonly isSure: boolean;
}

const LACKS: Readonly<Record<NeededWord, readonly [lack: string, field: string]>> = {
  tools: ['calls no tools', 'tools'],
  json_schema: ['takes no JSON Schema', 'response_format.json_schema'],
  reasoning: ['does not reason', 'reasoning'],
};

function windowMisfit(needs: RequestNeeds, name: string, window: bigint, maxOutputTokens: bigint, isSure: boolean): Misfit | undefined {
  const { maxOutputTokens: asked } = needs;
  const least = needs.leastInputTokens(window);
  if (least > window) return { why: `${name} reads ${window} tokens, and this request has at least ${least}: send less, or ask a model with a larger context window`, isSure };
  // Lists that tell apart what a model reads and what it writes mean the first with the window: only what is more than both is too much.
  if (least + asked <= window + maxOutputTokens) return undefined;
  return { why: `${name} reads and writes ${window} tokens, and max_output_tokens alone is ${asked}: lower it, or ask a model with a larger context window`, isSure: false };
}

function misfit(needs: RequestNeeds, candidate: Candidate, knowledge: ModelKnowledge): Misfit | undefined {
  const name = `${candidate.instance.name}/${candidate.model}`;
  const known = knowledge.known(candidate);
  const isSure = known?.isFresh === true;
  if (known !== undefined) {
    const { inputModalities, refuses } = known.info;
    if (needs.images && inputModalities.length > 0 && !inputModalities.includes('image')) return { why: `${name} reads no images: leave them out, or ask a model that does`, isSure };
    const lacking = needs.words.find((word) => refuses.includes(word));
    if (lacking !== undefined) return { why: `${name} ${LACKS[lacking][0]}: leave ${LACKS[lacking][1]} out, or ask a model that does`, isSure };
  }
  const own = known?.info.contextWindow;
  const window = own ?? knowledge.listedWindow(candidate);
  return window === undefined || window <= 0n ? undefined : windowMisfit(needs, name, window, known?.info.maxOutputTokens ?? 0n, isSure && own !== undefined);
}

/**
 * Passes over each attempt whose model cannot take the request. What is not certain only decides between candidates: where nobody else would be left they are
 * asked, for their own answer is better than what is said of them.
 */
export function withinModels(route: Route, needs: RequestNeeds, knowledge: ModelKnowledge): Route {
  const misfitOf = (planned: FitAttempt): Misfit | undefined => misfit(needs, planned, knowledge);
  const failure = ({ instance, model }: FitAttempt, why: string): Failure => new Failure('NO_CANDIDATE_FITS', why, { metadata: { provider: instance.name, model } });
  const possible = passOver(route, (planned) => {
    const found = misfitOf(planned);
    return found?.isSure === true ? failure(planned, found.why) : undefined;
  });
  if (!possible.attempts.some((planned) => fits(planned) && misfitOf(planned) === undefined)) return possible;
  return passOver(possible, (planned) => {
    const found = misfitOf(planned);
    return found === undefined ? undefined : failure(planned, found.why);
  });
}
