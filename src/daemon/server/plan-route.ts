import { Cost_Provenance, type Cost } from '../../gen/tollgate/v1/content.ts';
import type { GenerateRequest, PlanRouteRequest, PlanRouteResponse } from '../../gen/tollgate/v1/generate_service.ts';
import type { Caller } from '../access/caller.ts';
import type { Config } from '../config/config.ts';
import { invalidRequest } from '../failure.ts';
import { fits } from '../routing/choose-attempt.ts';
import { isSameCandidate } from '../routing/follow-up.ts';
import type { Route } from '../routing/plan-route.ts';
import type { Traffic } from '../routing/traffic.ts';
import { withinPlugins } from '../routing/within-plugins.ts';
import { walkPlan } from '../routing/walk-plan.ts';
import { costBounds, type CostBound } from '../routing/within-cost.ts';
import type { Usage } from '../usage/open-usage.ts';
import { generateSize, type RequestSize } from '../usage/prices/request-size.ts';
import { checkGenerateRequest } from './check-generate-request.ts';
import type { CallScope } from './serve.ts';

export interface PlanRouteParts {
  readonly config: () => Config;
  readonly usage: Pick<Usage, 'prices' | 'foresee'>;
  readonly traffic: Traffic;
  /** The route that Generate goes along. */
  readonly routeOf: (request: GenerateRequest, size: RequestSize, config: Config, caller: Caller) => Promise<Route>;
}

function costAtMost({ price, picoUsd }: CostBound): Cost {
  const isFree = price?.provenance === Cost_Provenance.FREE;
  const known = isFree ? Cost_Provenance.FREE : Cost_Provenance.ESTIMATED;
  const exact = isFree ? picoUsd : undefined;
  return { expectedPicoUsd: exact, lowPicoUsd: exact, highPicoUsd: picoUsd, provenance: picoUsd === undefined ? Cost_Provenance.UNKNOWN : known, priceVersion: price?.version ?? '' };
}

/** Tells whom Generate would ask, and asks nobody. */
export function planRouteRpc({ config, usage, traffic, routeOf }: PlanRouteParts) {
  return async ({ request }: PlanRouteRequest, { caller }: CallScope): Promise<PlanRouteResponse> => {
    if (request === undefined) throw invalidRequest([{ field: 'request', description: 'is needed: what would be asked' }]);
    checkGenerateRequest(request, false);
    const snapshot = config();
    const { model, maxOutputTokens } = request;
    const size = generateSize(request);
    const boundOf = costBounds({ size, maxOutputTokens }, await usage.prices());
    const { route, windowsAfter } = await usage.foresee({ caller, model, route: withinPlugins(await routeOf(request, size, snapshot, caller), request), size, maxOutputTokens, isEmbedding: false });
    const foreseen = walkPlan(route, snapshot.routing.maxAttempts, traffic);
    const attempts = foreseen.map(({ planned, skip }, at) => {
      const before = foreseen[at - 1]?.planned;
      const isFurtherKey = before !== undefined && isSameCandidate(before, planned);
      return {
        provider: planned.instance.name,
        model: planned.model,
        keyLabel: fits(planned) ? (planned.key?.label ?? '') : '',
        reason: skip?.reason ?? '',
        message: skip?.message ?? '',
        cost: costAtMost(boundOf(planned)),
        because: isFurtherKey ? 'key' : (planned.because ?? ''),
      };
    });
    return { attempts, windowsAfter: [...windowsAfter] };
  };
}
