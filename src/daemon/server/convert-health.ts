import { toDuration } from '../../duration.ts';
import type { Health } from '../../gen/tollgate/v1/keys_service.ts';
import type { HealthReport } from '../routing/health-book.ts';

const laterOf = (times: readonly (number | undefined)[]): number | undefined => {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};

/** The healthiest of a provider's keys, in the service's words. */
export function toHealth(keys: readonly HealthReport[]): Health {
  const [best] = keys.toSorted((a, b) => (a.coolsForMs ?? 0) - (b.coolsForMs ?? 0) || a.failures - b.failures);
  const lastCalledMs = laterOf(keys.map((key) => key.lastCalledMs));
  return {
    available: best?.coolsForMs === undefined,
    consecutiveFailures: best?.failures ?? 0,
    cooldownRemaining: best?.coolsForMs === undefined ? undefined : toDuration(best.coolsForMs),
    lastErrorReason: best?.reason ?? '',
    lastChecked: lastCalledMs === undefined ? undefined : new Date(lastCalledMs),
  };
}
