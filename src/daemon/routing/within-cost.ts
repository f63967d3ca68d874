import { Failure } from '../failure.ts';
import type { Price } from '../usage/prices/price.ts';
import type { PriceBook } from '../usage/prices/price-book.ts';
import { upperBound, type BoundQuestion } from '../usage/prices/upper-bound.ts';
import { passOver } from './pass-over.ts';
import type { Route } from './plan-route.ts';
import type { Candidate } from './resolve-model.ts';

/** The most that one attempt can come to. Each undefined when it is not known. */
export interface CostBound {
  readonly price: Price | undefined;
  readonly picoUsd: bigint | undefined;
}

/** What a cost depends on. */
export type CostQuestion = Pick<BoundQuestion, 'size' | 'maxOutputTokens'>;

/** Tells of each candidate the most that this request can cost there. */
export function costBounds({ size, maxOutputTokens }: CostQuestion, prices: PriceBook): (candidate: Candidate) => CostBound {
  const at = new Date();
  return ({ instance, model }) => {
    const price = prices.priceOf({ instance, model, at });
    return { price, picoUsd: upperBound({ size, maxOutputTokens, candidates: [{ price, maxOutputTokens: undefined }] }).picoUsd };
  };
}

/** US dollars, to the last digit that says something. */
function usd(picoUsd: bigint): string {
  const digits = String(picoUsd).padStart(13, '0');
  return `$${digits.slice(0, -12)}.${digits.slice(-12).replace(/0{1,10}$/, '')}`;
}

/** Passes over each attempt that can cost more than the caller allows, or of which nobody knows what it costs. */
export function withinCost(route: Route, maxPicoUsd: bigint, question: CostQuestion, prices: PriceBook): Route {
  const boundOf = costBounds(question, prices);
  return passOver(route, (planned) => {
    const { instance, model } = planned;
    const { picoUsd } = boundOf(planned);
    if (picoUsd !== undefined && picoUsd <= maxPicoUsd) return undefined;
    const why = picoUsd === undefined ? `no price of ${instance.name}/${model} is known` : `${instance.name}/${model} can cost up to ${usd(picoUsd)}`;
    return new Failure('NO_CANDIDATE_FITS', `${why}, and at most ${usd(maxPicoUsd)} is allowed (routing.max_cost_pico_usd)`, { metadata: { provider: instance.name, model } });
  });
}
