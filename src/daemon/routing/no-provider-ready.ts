import { Failure } from '../failure.ts';
import type { Route } from './plan-route.ts';

function whatToDo(blocked: Failure | undefined): string {
  if (blocked === undefined) return "set a provider's key (tollgate keys set <provider>)";
  return blocked.reason === 'KEYS_LOCKED' ? 'unlock your keys (tollgate keys unlock)' : `see why the store of keys cannot be read (tollgate keys list): ${blocked.message}`;
}

/** That nobody on a route can be asked, and what to do about it. */
export function noProviderReady({ attempts }: Route): Failure {
  const blocked = attempts.find(({ skip }) => skip?.reason === 'KEYS_LOCKED') ?? attempts.find(({ skip }) => skip?.reason === 'KEY_STORE_UNAVAILABLE');
  const what = whatToDo(blocked?.skip);
  const variables = attempts.flatMap(({ skip }) => skip?.metadata['key_env'] ?? []).filter((names) => names !== '');
  return new Failure('NO_PROVIDER_READY', `no provider is ready: ${what}, or start Ollama`, {
    metadata: { key_env: variables.join(','), ...(blocked?.skip === undefined ? {} : { blocked_by: blocked.skip.reason }) },
  });
}
