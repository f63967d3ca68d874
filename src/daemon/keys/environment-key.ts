import type { Variables } from '../../environment.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import { Secret } from '../secret.ts';
import type { ProviderKey } from './secrets.ts';

export interface EnvironmentKey {
  /** The variable that holds it. */
  readonly name: string;
  readonly key: ProviderKey;
}

/** An instance never changes, and neither does the environment that the daemon was started with. */
const found = new WeakMap<ProviderInstance, { readonly in: Variables; readonly key: EnvironmentKey | undefined }>();

/** A key from the environment that the daemon was started with: used, never written down. */
export function environmentKey(instance: ProviderInstance, variables: Variables): EnvironmentKey | undefined {
  const before = found.get(instance);
  if (before?.in === variables) return before.key;
  const key = lookFor(instance, variables);
  found.set(instance, { in: variables, key });
  return key;
}

function lookFor({ keyEnvNames }: ProviderInstance, variables: Variables): EnvironmentKey | undefined {
  for (const name of keyEnvNames) {
    const value = variables[name]?.trim() ?? '';
    if (value !== '') return { name, key: { label: '', secret: new Secret(value), origin: 'environment' } };
  }
  return undefined;
}
