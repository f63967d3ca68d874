import type { Variables } from '../../environment.ts';
import type { Manifest, Provider } from '../../plugins/provider.ts';
import type { Config, ProviderConfig } from '../config/config.ts';
import type { ProviderInstance } from './provider-instance.ts';

/** All configured providers, by name. One snapshot of one config. */
export interface Registry {
  readonly instances: ReadonlyMap<string, ProviderInstance>;
  /** The instances named like their type: only these claim model ids. */
  readonly claimants: readonly { readonly instance: ProviderInstance; readonly claims: readonly RegExp[] }[];
}

const LOOPBACK_HOST = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\]|0\.0\.0\.0)$/;

/** Whether an address is on this machine. OLLAMA_HOST also comes without a scheme. */
function isLoopback(baseUrl: string): boolean {
  const url = baseUrl.includes('://') ? baseUrl : `http://${baseUrl}`;
  return URL.canParse(url) && LOOPBACK_HOST.test(new URL(url).hostname);
}

const firstSet = (variables: Variables, names: readonly string[]): string | undefined => names.map((name) => variables[name]).find((value) => value !== undefined && value !== '');

function settingsOf(manifest: Manifest, entry: ProviderConfig, variables: Variables): { settings: Record<string, string>; missing: string[] } {
  const settings: Record<string, string> = {};
  const missing: string[] = [];
  for (const setting of manifest.settings) {
    const value = entry.settings[setting.name] ?? firstSet(variables, setting.envNames) ?? (setting.defaultValue === '' ? undefined : setting.defaultValue);
    if (value !== undefined) settings[setting.name] = value;
    else if (setting.required) missing.push(setting.name);
  }
  return { settings, missing };
}

function makeInstance(name: string, provider: Provider, entry: ProviderConfig, variables: Variables): ProviderInstance {
  const { manifest } = provider;
  // Only the instance named like its type reads that provider's environment variables.
  const own = name === manifest.type ? variables : {};
  const { settings, missing } = settingsOf(manifest, entry, own);
  const baseUrl = (entry.baseUrl ?? firstSet(own, manifest.baseUrlEnvName === '' ? [] : [manifest.baseUrlEnvName]) ?? manifest.defaultBaseUrl).replace(/\/+$/, '');
  return {
    name,
    provider,
    enabled: entry.enabled,
    instance: { name, baseUrl, settings },
    isLocal: manifest.isLocal && (baseUrl === '' || isLoopback(baseUrl)),
    defaultModel: entry.defaultModel ?? manifest.defaultModel,
    keyRequired: settings['key_required'] === undefined ? (manifest.key?.required ?? false) : settings['key_required'] === 'true',
    keyEnvNames: entry.keyEnv === undefined ? (name === manifest.type ? (manifest.key?.envNames ?? []) : []) : [entry.keyEnv],
    missingSettings: baseUrl === '' && !manifest.isLocal ? ['base_url', ...missing] : missing,
  };
}

/** Makes every instance: the listed ones, and one of each shipped type that is not listed. */
export function buildRegistry(config: Config, shipped: readonly Provider[], variables: Variables): Registry {
  const byType = new Map(shipped.map((provider) => [provider.manifest.type, provider]));
  const instances = new Map<string, ProviderInstance>();
  const unlisted = (type: string): ProviderConfig => ({ type, enabled: true, baseUrl: undefined, settings: {}, keyEnv: undefined, defaultModel: undefined });
  for (const { manifest } of shipped) {
    if (!Object.hasOwn(config.providers, manifest.type)) {
      const provider = byType.get(manifest.type);
      if (provider !== undefined) instances.set(manifest.type, makeInstance(manifest.type, provider, unlisted(manifest.type), variables));
    }
  }
  for (const [name, entry] of Object.entries(config.providers)) {
    const provider = byType.get(entry.type);
    if (provider !== undefined) instances.set(name, makeInstance(name, provider, entry, variables));
  }
  const claimants = [...instances.values()]
    .filter((instance) => instance.name === instance.provider.manifest.type)
    .map((instance) => ({ instance, claims: instance.provider.manifest.claims.map((claim) => new RegExp(claim)) }));
  return { instances, claimants };
}
