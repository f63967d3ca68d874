import { distance } from 'fastest-levenshtein';
import { Setting_Type, type Setting } from '../../gen/tollgate/provider/v1/provider_service.ts';
import type { Manifest } from '../../plugins/provider.ts';
import { holdsKey } from '../mask-keys.ts';
import { DEFAULT_CONFIG, type Config, type ProviderConfig } from './config.ts';
import { MAX_ISSUES, type ConfigIssue } from './config-error.ts';

/** No name of ours is longer; to compare such a word takes its time. */
const MAX_WORD = 128;

/** The known word nearest to a misspelt one, when it is near enough to be meant. */
export const nearest = (word: string, known: readonly string[]): string | undefined =>
  (word.length > MAX_WORD ? [] : known)
    .map((candidate) => ({ candidate, distance: distance(word, candidate) }))
    .filter((near) => near.distance <= Math.max(2, word.length / 3))
    .sort((a, b) => a.distance - b.distance)[0]?.candidate;

const didYouMean = (word: string, known: readonly string[]): string => {
  const near = nearest(word, known);
  const rest = known.length > MAX_ISSUES ? ', …' : '';
  return near === undefined ? `known are ${known.slice(0, MAX_ISSUES).join(', ') || 'none'}${rest}` : `did you mean "${near}"?`;
};

function settingIssue(setting: Setting, text: string): string | undefined {
  if (holdsKey(text)) return 'this looks like a key, which does not belong into the config: take it out of here, and run tollgate keys set';
  switch (setting.type) {
    case Setting_Type.BOOL:
      return text === 'true' || text === 'false' ? undefined : 'write true or false';
    case Setting_Type.INTEGER:
      return /^-?\d{1,15}$/.test(text) ? undefined : 'write a whole number';
    case Setting_Type.ENUM:
      return setting.values.includes(text) ? undefined : `write one of ${setting.values.map((value) => `"${value}"`).join(', ')}`;
    default:
      return /[\r\n\0]/.test(text) ? 'leave out line breaks and NUL' : undefined;
  }
}

function* issuesOf(name: string, entry: ProviderConfig, manifests: readonly Manifest[]): Generator<ConfigIssue> {
  const path = `providers.${name}`;
  const manifest = manifests.find(({ type }) => type === entry.type);
  if (manifest === undefined) {
    const types = manifests.map(({ type }) => type);
    yield { path: `${path}.type`, message: `no plugin is of the type "${entry.type}": ${didYouMean(entry.type, types)}` };
    return;
  }
  for (const [key, text] of Object.entries(entry.settings)) {
    const setting = manifest.settings.find((known) => known.name === key);
    const message = setting === undefined ? `${manifest.displayName} has no such setting: ${didYouMean(key, manifest.settings.map((known) => known.name))}` : settingIssue(setting, text);
    if (message !== undefined) yield { path: `${path}.settings.${key}`, message };
  }
}

function* allIssues(config: Config, manifests: readonly Manifest[]): Generator<ConfigIssue> {
  for (const [name, entry] of Object.entries(config.providers)) yield* issuesOf(name, entry, manifests);
  const names = new Set([...manifests.map(({ type }) => type), ...Object.keys(config.providers)]);
  for (const name of config.routing.fallbackOrder) {
    // An embedder may load fewer plugins than the default order names.
    if (names.has(name) || DEFAULT_CONFIG.routing.fallbackOrder.includes(name)) continue;
    yield { path: 'routing.fallback_order', message: `there is no provider "${name}": ${didYouMean(name, [...names])}` };
  }
}

/** What is wrong with the providers of a config: unknown types, unknown settings, values of another type. Ends early when there is more than a ConfigError tells. */
export function providerIssues(config: Config, manifests: readonly Manifest[]): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const issue of allIssues(config, manifests)) {
    issues.push(issue);
    if (issues.length > MAX_ISSUES) break;
  }
  return issues;
}
