import type { Caller } from '../access/caller.ts';
import { notGranted } from '../access/grants.ts';
import { notInTier } from '../access/tier-grants.ts';
import type { Config } from '../config/config.ts';
import { Failure } from '../failure.ts';
import type { ProviderKey } from '../keys/secrets.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Registry } from '../plugins/registry.ts';
import type { Readiness } from './readiness.ts';
import { resolveModel, type Candidate } from './resolve-model.ts';

/** What a request says about whom to ask. */
export interface RouteRequest {
  readonly model: string;
  readonly fallbackModels: readonly string[];
  /** Unset is the config's. */
  readonly allowFallback: boolean | undefined;
  readonly localOnly: boolean;
}

/** Which rule put a provider and model on a route. */
export type Because = 'asked' | 'alias' | 'fallback_models' | 'fallback_order';

/** One attempt of a route, or why it is passed over; `isUnfit` when the provider is ready, and the request or what its caller may spend does not fit it. */
export type PlannedAttempt = Candidate & { readonly because?: Because; readonly isUnfit?: true } & ({ readonly skip: Failure } | { readonly skip: undefined; readonly key: ProviderKey | undefined });

export interface Route {
  /** One for each provider, model and key. */
  readonly attempts: readonly PlannedAttempt[];
  /** Whether another provider or model may follow a failure. Another key always may, and a skip is always passed over. */
  readonly mayGoOn: boolean;
  /** Whether the request asked for "whoever is ready". */
  readonly anyReady: boolean;
}

export interface World {
  readonly config: Config;
  readonly registry: Registry;
  readonly caller: Caller;
  readonly readiness: (instance: ProviderInstance) => Promise<Readiness>;
}

type Reasoned = Candidate & { readonly because: Because };

const withReason = (candidates: readonly Candidate[], because: Because): readonly Reasoned[] => candidates.map((candidate) => ({ ...candidate, because }));

/** How the model that was asked for came to mean what it does. */
function reasonOf(model: string, { aliases, defaultModel }: Config): Because {
  const id = model === '' ? defaultModel : model;
  if (Object.hasOwn(aliases, id)) return 'alias';
  return id === 'auto' ? 'fallback_order' : 'asked';
}

const keepFirst = (candidates: readonly Reasoned[]): readonly Reasoned[] =>
  candidates.filter((candidate, at) => candidates.findIndex(({ instance, model }) => instance === candidate.instance && model === candidate.model) === at);

/**
 * Turns a request into ordered attempts, each that cannot be made with its reason. Calls no provider. Throws when the request
 * names a model or provider that does not exist.
 */
export async function planRoute(request: RouteRequest, world: World): Promise<Route> {
  const { config, registry, caller } = world;
  const asked = resolveModel(request.model, config, registry);
  const named = request.fallbackModels.map((model) => resolveModel(model, config, registry).candidates);
  const allowFallback = request.allowFallback ?? config.routing.allowFallback;
  const order = allowFallback ? resolveModel('auto', { ...config, aliases: {} }, registry).candidates : [];
  const candidates = keepFirst([...withReason(asked.candidates, reasonOf(request.model, config)), ...withReason(named.flat(), 'fallback_models'), ...withReason(order, 'fallback_order')]);
  const localOnly = request.localOnly || config.routing.localOnly;

  const attempts = await Promise.all(
    candidates.map(async (candidate): Promise<readonly PlannedAttempt[]> => {
      const { instance, model } = candidate;
      const skipped = (skip: Failure): readonly PlannedAttempt[] => [{ ...candidate, skip }];
      if (model === '') return skipped(new Failure('SETTING_MISSING', `${instance.name} has no default model for auto: set providers.${instance.name}.default_model in the config, or ask for ${instance.name}/<model>`, { metadata: { provider: instance.name, settings: 'default_model' } }));
      const refused = notGranted(caller, instance.name, model) ?? notInTier(config.usage, caller, instance.name, model);
      if (refused !== undefined) return skipped(refused);
      if (localOnly && !instance.isLocal) return skipped(new Failure('NO_CANDIDATE_FITS', `${instance.name} is not on this machine, and only local providers are allowed`, { metadata: { provider: instance.name } }));
      const readiness = await world.readiness(instance);
      return readiness.ready ? readiness.keys.map((key) => ({ ...candidate, skip: undefined, key })) : skipped(readiness.why);
    }),
  );
  return { attempts: attempts.flat(), mayGoOn: asked.mayGoOn || named.length > 0 || allowFallback, anyReady: asked.anyReady };
}
