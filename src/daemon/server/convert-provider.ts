import { KeySource, KeyState, Provider_Kind, type Key, type KeyStore, type Provider } from '../../gen/tollgate/v1/keys_service.ts';
import type { KeyRecord, KeyStoreStatus } from '../keys/key-ring.ts';
import type { KeyOrigin } from '../keys/secrets.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { HealthBook } from '../routing/health-book.ts';
import { toHealth } from './convert-health.ts';

const SOURCES: Readonly<Record<KeyOrigin, KeySource>> = {
  keychain: KeySource.KEYCHAIN,
  'encrypted-file': KeySource.ENCRYPTED_FILE,
  environment: KeySource.ENVIRONMENT,
};

function stateOf({ boundElsewhere, verdict }: KeyRecord): KeyState {
  if (boundElsewhere !== undefined) return KeyState.MISSING;
  return verdict === 'refused' ? KeyState.REJECTED : KeyState.CONFIGURED;
}

const keyOf = (record: KeyRecord): Key => ({
  label: record.label,
  state: stateOf(record),
  source: SOURCES[record.origin],
  hint: record.hint,
  lastChecked: record.lastChecked,
  envName: record.envName,
});

const noKey = ({ keyRequired, keyEnvNames }: ProviderInstance): Key => ({
  label: '',
  state: keyRequired ? KeyState.MISSING : KeyState.NOT_NEEDED,
  source: KeySource.UNSPECIFIED,
  hint: '',
  lastChecked: undefined,
  envName: keyEnvNames[0] ?? '',
});

/** A configured provider, and what is known of its keys and their calls, in the service's words. */
export function toProvider(configured: ProviderInstance, records: readonly KeyRecord[], health: HealthBook): Provider {
  const { manifest } = configured.provider;
  const { baseUrl, settings } = configured.instance;
  const keys = records.length === 0 ? [noKey(configured)] : records.map(keyOf);
  const defaults = new Map(manifest.settings.map(({ name, defaultValue }) => [name, defaultValue]));
  return {
    name: configured.name,
    type: manifest.type,
    displayName: manifest.displayName,
    description: manifest.description,
    docsUrl: manifest.docsUrl,
    isLocal: configured.isLocal,
    enabled: configured.enabled,
    defaultModel: configured.defaultModel,
    settings: Object.fromEntries(Object.entries(settings).filter(([name, value]) => defaults.get(name) !== value)),
    kind: Provider_Kind.BUILT_IN,
    pluginVersion: manifest.version,
    keys,
    missingSettings: [...configured.missingSettings],
    availableSettings: manifest.settings.map(({ name, description, required, values }) => ({ name, description, required, values })),
    baseUrl,
    health: toHealth(keys.map(({ label }) => health.report({ provider: configured.name, label }))),
  };
}

export const toKeyStore = ({ origin, description, locked, problem }: KeyStoreStatus): KeyStore => ({
  source: origin === undefined ? KeySource.UNSPECIFIED : SOURCES[origin],
  description,
  locked,
  problem,
});
