import { Attempt_Outcome } from '../../gen/tollgate/v1/content.ts';
import { Failure } from '../failure.ts';
import type { AttemptLog, Skip } from './attempt-log.ts';
import { noProviderReady } from './no-provider-ready.ts';
import type { Route } from './plan-route.ts';
import { isRetryable, isUnsupported } from './provider-failure.ts';

/** One failure for a whole route: the only one there was, or that all have failed; where nobody was called, the first skip's. */
export function wholeFailure(route: Route, { entries, skips }: Pick<AttemptLog, 'entries' | 'skips'>, failures: readonly Failure[]): Failure {
  const last = failures.at(-1);
  if (last === undefined) return onlySkips(route, skips);
  const tried = new Set(entries.filter(({ outcome }) => outcome === Attempt_Outcome.FAILED).map(({ provider }) => provider));
  if (tried.size < 2 || last.reason === 'CANCELLED' || last.reason === 'DEADLINE') return last;
  const retryable = failures.some(isRetryable);
  const hints = failures.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
  return new Failure('ALL_ATTEMPTS_FAILED', `${[...tried].join(' and ')} failed; the last said: ${last.message}`, { metadata: { retryable: String(retryable) }, retryAfterMs: hints.length === 0 ? undefined : Math.min(...hints), cause: last });
}

/** Whoever asked for anybody that is ready is told what is wrong with the request, where somebody is. That one cools down is not why nobody could be asked. */
function onlySkips(route: Route, skips: readonly Skip[]): Failure {
  const first = route.anyReady ? skips.find(({ planned, why }) => planned.isUnfit === true || isUnsupported(why)) : (skips.find(({ why }) => why.reason !== 'ALL_COOLING_DOWN') ?? skips[0]);
  if (first === undefined) return noProviderReady(route);
  const { planned, why } = first;
  if (why.reason !== 'PROVIDER_UNAVAILABLE') return why;
  return new Failure('PROVIDER_UNAVAILABLE', `${why.message}: is ${planned.instance.provider.manifest.displayName} running?`, { metadata: { provider: planned.instance.name, model: planned.model, retryable: 'true' } });
}
