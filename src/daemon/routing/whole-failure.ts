import { Attempt_Outcome, type Attempt } from '../../gen/tollgate/v1/content.ts';
import { Failure } from '../failure.ts';
import { noProviderReady } from './no-provider-ready.ts';
import type { Route } from './plan-route.ts';
import { isRetryable } from './provider-failure.ts';

/** One failure for a whole route: the only one there was, or that all have failed; where nobody was called, the first skip's. */
export function wholeFailure(route: Route, attempts: readonly Attempt[], failures: readonly Failure[]): Failure {
  const last = failures.at(-1);
  if (last === undefined) return onlySkips(route, attempts);
  const tried = new Set(attempts.filter(({ outcome }) => outcome === Attempt_Outcome.FAILED).map(({ provider }) => provider));
  if (tried.size < 2 || last.reason === 'CANCELLED' || last.reason === 'DEADLINE') return last;
  const retryable = failures.some(isRetryable);
  const hints = failures.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
  return new Failure('ALL_ATTEMPTS_FAILED', `${[...tried].join(' and ')} failed; the last said: ${last.message}`, { metadata: { retryable: String(retryable) }, retryAfterMs: hints.length === 0 ? undefined : Math.min(...hints), cause: last });
}

function onlySkips(route: Route, attempts: readonly Attempt[]): Failure {
  const [first] = route.attempts;
  if (route.anyReady || first === undefined) return noProviderReady(route);
  const [entry] = attempts;
  return first.skip ?? new Failure('PROVIDER_UNAVAILABLE', `${entry?.message ?? 'nobody answers'}: is ${first.instance.provider.manifest.displayName} running?`, { metadata: { provider: first.instance.name, model: first.model, retryable: 'true' } });
}
