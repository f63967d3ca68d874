import { Failure } from '../failure.ts';
import type { Config } from '../config/config.ts';
import { nearest } from '../config/provider-issues.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Registry } from '../plugins/registry.ts';

/** A provider and its own model id: what one attempt asks. */
export interface Candidate {
  readonly instance: ProviderInstance;
  readonly model: string;
}

/** Whom a model id means, in order. */
export interface Resolution {
  readonly candidates: readonly Candidate[];
  /** Whether the id itself allows going on to the next candidate after a failure. */
  readonly mayGoOn: boolean;
  /** Whether the id means "whoever is ready". */
  readonly anyReady: boolean;
}

function byPrefix(id: string, registry: Registry): Candidate | undefined {
  const slash = id.indexOf('/');
  if (slash < 0) return undefined;
  const instance = registry.instances.get(id.slice(0, slash));
  const model = id.slice(slash + 1);
  return instance === undefined ? undefined : { instance, model };
}

function nearestIds(id: string, config: Config, registry: Registry): readonly string[] {
  const known = [
    ...Object.keys(config.aliases),
    ...[...registry.instances.values()].flatMap(({ name, provider: { manifest } }) =>
      [manifest.defaultModel, ...manifest.models.map(({ model }) => model)].flatMap((model) => (model === '' ? [] : [`${name}/${model}`, model])),
    ),
  ];
  const near = nearest(id, known);
  return near === undefined ? [] : [near];
}

/** A claim that looks at more than a prefix of the id beats those that do not: `gpt-oss:20b` is Ollama's. */
const isWholeIdClaim = (claim: RegExp): boolean => claim.source.startsWith('^') && claim.source.endsWith('$');

function byClaim(id: string, config: Config, registry: Registry): Candidate {
  const claimants = registry.claimants.filter(({ claims }) => claims.some((claim) => claim.test(id)));
  const whole = claimants.filter(({ claims }) => claims.some((claim) => isWholeIdClaim(claim) && claim.test(id)));
  const [first, second] = whole.length > 0 ? whole : claimants;
  if (first !== undefined && second === undefined) return { instance: first.instance, model: id };
  const near = nearestIds(id, config, registry);
  const hint = near.length === 0 ? 'write it as provider/model' : `did you mean ${near.join(' or ')}?`;
  const why = first === undefined ? `no provider claims the model "${id}"` : `several providers claim the model "${id}" (${claimants.map(({ instance }) => instance.name).join(', ')})`;
  throw new Failure('MODEL_NOT_FOUND', `${why}: ${hint}`, { metadata: { model: id, nearest: near.join(',') } });
}

/** A word before the slash that looks like an instance's name, and is none. */
function unknownProvider(id: string, registry: Registry): Failure | undefined {
  const name = /^([a-z0-9][a-z0-9._-]{0,63})\//.exec(id)?.[1];
  if (name === undefined) return undefined;
  const near = nearest(name, [...registry.instances.keys()]);
  return new Failure('PROVIDER_NOT_FOUND', `there is no provider "${name}"${near === undefined ? '' : `; did you mean "${near}"?`} (the word before "/" in "${id}")`, { metadata: { provider: name, model: id } });
}

function resolveOne(id: string, config: Config, registry: Registry): Candidate {
  const prefixed = byPrefix(id, registry);
  if (prefixed?.model === '') throw new Failure('MODEL_NOT_FOUND', `"${id}" names the provider ${prefixed.instance.name} and no model: write the model after the "/"`, { metadata: { provider: prefixed.instance.name, model: id } });
  if (prefixed !== undefined) return prefixed;
  // A claimed id may hold a slash itself: `@cf/…`, `hf.co/…`, `togethercomputer/…`.
  const claimed = registry.claimants.some(({ claims }) => claims.some((claim) => claim.test(id)));
  const unknown = claimed ? undefined : unknownProvider(id, registry);
  if (unknown !== undefined) throw unknown;
  return byClaim(id, config, registry);
}

/** The providers of `auto`: the order of the config, those on this machine first when it says so. */
function autoCandidates(config: Config, registry: Registry): readonly Candidate[] {
  const ordered = config.routing.fallbackOrder.flatMap((name) => {
    const instance = registry.instances.get(name);
    return instance === undefined ? [] : [{ instance, model: instance.defaultModel }];
  });
  if (!config.routing.preferLocal) return ordered;
  return [...ordered.filter(({ instance }) => instance.isLocal), ...ordered.filter(({ instance }) => !instance.isLocal)];
}

/**
 * Finds whom a model id means (api.md "Model ids"): an exact alias, `provider/model`, or a claim. Throws PROVIDER_NOT_FOUND or
 * MODEL_NOT_FOUND.
 */
export function resolveModel(asked: string, config: Config, registry: Registry): Resolution {
  const id = asked === '' ? config.defaultModel : asked;
  const alias = Object.hasOwn(config.aliases, id) ? config.aliases[id] : undefined;
  if (alias !== undefined) return { candidates: alias.map((model) => resolveOne(model, config, registry)), mayGoOn: true, anyReady: id === 'auto' };
  if (id === 'auto') return { candidates: autoCandidates(config, registry), mayGoOn: config.routing.allowFallback, anyReady: true };
  return { candidates: [resolveOne(id, config, registry)], mayGoOn: false, anyReady: false };
}
