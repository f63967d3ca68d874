import type { Variables } from '../../environment.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import { Secret } from '../secret.ts';
import type { ProviderKey } from './secrets.ts';

export interface EnvironmentKey {
  /** The variable that holds it. */
  readonly name: string;
  readonly key: ProviderKey;
}

/** A key from the environment that the daemon was started with: used, never written down. */
export function environmentKey({ keyEnvNames }: ProviderInstance, variables: Variables): EnvironmentKey | undefined {
  for (const name of keyEnvNames) {
    const value = variables[name]?.trim() ?? '';
    if (value !== '') return { name, key: { label: '', secret: new Secret(value), origin: 'environment' } };
  }
  return undefined;
}
