import { Failure } from '../failure.ts';
import type { Route } from './plan-route.ts';

/** That nobody on a route can be asked, and what to do about it. */
export function noProviderReady({ attempts }: Route): Failure {
  const isLocked = attempts.some(({ skip }) => skip?.reason === 'KEYS_LOCKED');
  const what = isLocked ? 'unlock your keys (tollgate keys unlock)' : "set a provider's key (tollgate keys set <provider>)";
  const variables = attempts.flatMap(({ skip }) => skip?.metadata['key_env'] ?? []).filter((names) => names !== '');
  return new Failure('NO_PROVIDER_READY', `no provider is ready: ${what}, or start Ollama`, { metadata: { key_env: variables.join(',') } });
}
