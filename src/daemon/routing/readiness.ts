import { Failure } from '../failure.ts';
import { keyMissing } from '../keys/key-missing.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { ProviderKey } from '../keys/secrets.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';

/** Whether a provider can be called, and with which keys, in the order in which they are tried; or why not. */
export type Readiness = { readonly ready: true; readonly keys: readonly [ProviderKey | undefined, ...(readonly ProviderKey[])] } | { readonly ready: false; readonly why: Failure };

/** What readiness needs to know of keys. */
export type ReadyKeys = Pick<KeyRing, 'keysFor' | 'recordsOf'>;

const IS_ABOUT_THE_STORE: ReadonlySet<unknown> = new Set(['KEYS_LOCKED', 'KEY_STORE_UNAVAILABLE']);

/** Looks for what a provider needs before it can be called: that it is on, its settings, its keys. */
export async function readinessOf(instance: ProviderInstance, secrets: ReadyKeys): Promise<Readiness> {
  const { name, provider } = instance;
  const notReady = (why: Failure): Readiness => ({ ready: false, why });
  if (!instance.enabled) return notReady(new Failure('PROVIDER_NOT_FOUND', `the provider ${name} is switched off; set providers.${name}.enabled to true in the config`, { metadata: { provider: name } }));
  if (instance.missingSettings.length > 0) {
    const fields = instance.missingSettings.map((setting) => (setting === 'base_url' ? `providers.${name}.base_url` : `providers.${name}.settings.${setting}`));
    return notReady(new Failure('SETTING_MISSING', `${provider.manifest.displayName} needs ${fields.join(' and ')} in the config`, { metadata: { provider: name, settings: instance.missingSettings.join(',') } }));
  }
  try {
    const [key, ...others] = await secrets.keysFor(instance);
    return key === undefined && instance.keyRequired ? notReady(keyMissing(instance, await secrets.recordsOf(instance))) : { ready: true, keys: [key, ...others] };
  } catch (error) {
    if (error instanceof Failure && IS_ABOUT_THE_STORE.has(error.reason)) return notReady(error);
    throw error;
  }
}
