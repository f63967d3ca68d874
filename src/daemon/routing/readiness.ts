import type { ProviderKey, Secrets } from '../keys/secrets.ts';
import { Failure } from '../failure.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';

/** Whether a provider can be called: with which key, or why not. */
export type Readiness = { readonly ready: true; readonly key: ProviderKey | undefined } | { readonly ready: false; readonly why: Failure };

/** Looks for what a provider needs before it can be called: that it is on, its settings, its key. */
export async function readinessOf(instance: ProviderInstance, secrets: Secrets): Promise<Readiness> {
  const { name, provider } = instance;
  const notReady = (why: Failure): Readiness => ({ ready: false, why });
  if (!instance.enabled) return notReady(new Failure('PROVIDER_NOT_FOUND', `the provider ${name} is switched off; set providers.${name}.enabled to true in the config`, { metadata: { provider: name } }));
  if (instance.missingSettings.length > 0) {
    const fields = instance.missingSettings.map((setting) => (setting === 'base_url' ? `providers.${name}.base_url` : `providers.${name}.settings.${setting}`));
    return notReady(new Failure('SETTING_MISSING', `${provider.manifest.displayName} needs ${fields.join(' and ')} in the config`, { metadata: { provider: name, settings: instance.missingSettings.join(',') } }));
  }
  const [key] = await secrets.keysFor(instance);
  if (key === undefined && instance.keyRequired) {
    const names = instance.keyEnvNames.join(' or ');
    const how = names === '' ? `name its environment variable in providers.${name}.key_env of the config` : `set ${names} and restart the daemon (tollgate restart)`;
    return notReady(new Failure('KEY_MISSING', `there is no key for ${provider.manifest.displayName} (${name}): ${how}`, { metadata: { provider: name, key_env: instance.keyEnvNames.join(',') } }));
  }
  return { ready: true, key };
}
