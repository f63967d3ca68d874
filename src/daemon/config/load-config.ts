import type * as z from 'zod';
import type { Manifest } from '../../plugins/provider.ts';
import { DEFAULT_CONFIG, type Config } from './config.ts';
import { ConfigError, MAX_ISSUES, type ConfigIssue } from './config-error.ts';
import { providerIssues } from './provider-issues.ts';
import { readConfigFile } from './read-config-file.ts';
import { reservedNameIn } from './reserved-name.ts';

const say = (issue: z.core.$ZodIssue): ConfigIssue => {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys' && issue.message.startsWith('Unrecognized')) {
    return { path, message: `there is no ${issue.keys.slice(0, MAX_ISSUES).map((key) => `"${key}"`).join(', ')} here; remove it or check its spelling` };
  }
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) return { path, message: `this must be ${issue.expected === 'object' ? 'an object' : `a ${issue.expected}`}` };
  if (issue.code === 'invalid_key') return { path, message: issue.issues.map((inner) => inner.message).join('; ') };
  return { path, message: issue.message };
};

function aliasIssues(config: Config, instances: ReadonlySet<string>): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  if (Object.hasOwn(config.providers, 'auto')) issues.push({ path: 'providers.auto', message: '"auto" has its own meaning; choose another name' });
  for (const [name, models] of Object.entries(config.aliases)) {
    const path = `aliases.${name}`;
    if (instances.has(name)) issues.push({ path, message: 'a provider has this name too; rename the alias' });
    for (const model of models) {
      if (model === 'auto' || Object.hasOwn(config.aliases, model)) issues.push({ path, message: `"${model}" is an alias itself; write the model ids that it stands for` });
    }
  }
  return issues;
}

/** Checks that every field is one of the config's, of its type and in its range. Throws a ConfigError that names `file`. */
export async function checkShape(json: unknown, file: string): Promise<Config> {
  const { configSchema, toConfig } = await import('./schema.ts');
  const result = configSchema.safeParse(json);
  if (!result.success) throw new ConfigError(file, result.error.issues.slice(0, MAX_ISSUES + 1).map(say));
  const reserved = reservedNameIn(json);
  if (reserved !== undefined) throw new ConfigError(file, [{ path: reserved.join('.'), message: 'this name is not possible here; choose another one' }]);
  return toConfig(result.data);
}

/** Checks what a config file holds, and the providers' settings against the plugins that ship. Throws a ConfigError that names `file`. */
export async function checkConfig(json: unknown, file: string, manifests: readonly Manifest[]): Promise<Config> {
  const config = await checkShape(json, file);
  const instances = new Set([...manifests.map(({ type }) => type), ...Object.keys(config.providers)]);
  const issues = [...providerIssues(config, manifests), ...aliasIssues(config, instances)];
  if (issues.length > 0) throw new ConfigError(file, issues);
  return config;
}

/** What the parser says, but for what it quotes: a key may stand there. */
function syntaxProblem(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, what, dots = '', quoted = ''] = /^(Unexpected token .*?), (\.\.\.)?"(.*)"(?:\.\.\.)? is not valid JSON$/s.exec(message) ?? [];
  if (what === undefined) return message;
  // With dots in front, ten characters stand before the one that is wrong.
  const at = text.indexOf(quoted) + (dots === '' ? 0 : 10);
  return `${what} in line ${text.slice(0, at).split('\n').length}`;
}

/** What a config file's text holds. Throws a ConfigError that names `file` for what is no JSON. */
export function parseConfig(text: string, file: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new ConfigError(file, [{ path: '', message: `the file is not JSON: ${syntaxProblem(error, text)}` }]);
  }
}

/**
 * Reads the config file, or takes the defaults where there is none. Throws a ConfigError that names the file, each wrong place
 * and what to write there.
 */
export async function loadConfig(file: string, manifests: readonly Manifest[]): Promise<Config> {
  const text = await readConfigFile(file);
  return text === undefined ? DEFAULT_CONFIG : checkConfig(parseConfig(text, file), file, manifests);
}
