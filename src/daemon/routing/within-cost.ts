import type { GenerateRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { Failure } from '../failure.ts';
import type { Price } from '../usage/prices/price.ts';
import type { PriceBook } from '../usage/prices/price-book.ts';
import { generateSize } from '../usage/prices/request-size.ts';
import { upperBound } from '../usage/prices/upper-bound.ts';
import { fits } from './choose-attempt.ts';
import { isSameCandidate } from './follow-up.ts';
import type { PlannedAttempt, Route } from './plan-route.ts';
import type { Candidate } from './resolve-model.ts';

/** The most that one attempt can come to. Each undefined when it is not known. */
export interface CostBound {
  readonly price: Price | undefined;
  readonly picoUsd: bigint | undefined;
}

/** Tells of each candidate the most that this request can cost there. */
export function costBounds(request: GenerateRequest, prices: PriceBook): (candidate: Candidate) => CostBound {
  const size = generateSize(request);
  const at = new Date();
  return ({ instance, model }) => {
    const price = prices.priceOf({ instance, model, at });
    return { price, picoUsd: upperBound({ size, maxOutputTokens: request.maxOutputTokens, candidates: [{ price, maxOutputTokens: undefined }] }).picoUsd };
  };
}

/** US dollars, to the last digit that says something. */
function usd(picoUsd: bigint): string {
  const digits = String(picoUsd).padStart(13, '0');
  return `$${digits.slice(0, -12)}.${digits.slice(-12).replace(/0{1,10}$/, '')}`;
}

/** Passes over each attempt that can cost more than the caller allows, or of which nobody knows what it costs. */
export function withinCost(route: Route, maxPicoUsd: bigint, request: GenerateRequest, prices: PriceBook): Route {
  const boundOf = costBounds(request, prices);
  const attempts = route.attempts.map((planned): PlannedAttempt => {
    if (!fits(planned)) return planned;
    const { instance, model, because } = planned;
    const { picoUsd } = boundOf(planned);
    if (picoUsd !== undefined && picoUsd <= maxPicoUsd) return planned;
    const why = picoUsd === undefined ? `no price of ${instance.name}/${model} is known` : `${instance.name}/${model} can cost up to ${usd(picoUsd)}`;
    const skip = new Failure('NO_CANDIDATE_FITS', `${why}, and at most ${usd(maxPicoUsd)} is allowed (routing.max_cost_pico_usd)`, { metadata: { provider: instance.name, model } });
    return { instance, model, ...(because === undefined ? {} : { because }), skip };
  });
  // One word for all keys of a candidate: they cost the same.
  const isRepeated = (at: number): boolean => {
    const [before, planned] = [attempts[at - 1], attempts[at]];
    return before !== undefined && planned !== undefined && !fits(planned) && isSameCandidate(before, planned);
  };
  return { ...route, attempts: attempts.filter((_planned, at) => !isRepeated(at)) };
}
