import { Failure } from '../failure.ts';
import { fits } from './choose-attempt.ts';
import { isSameCandidate } from './follow-up.ts';
import { passOver } from './pass-over.ts';
import type { Route } from './plan-route.ts';

/**
 * The part of a route that may make vectors: its first provider and model that can, with all its keys, and whoever is passed over on the way. Vectors of two models
 * cannot be compared: there is no going on to the next one after a failure, and no passing over because of a cooldown.
 */
export function embedRoute(route: Route): Route {
  const able = passOver(route, ({ instance, model }) => {
    const { name, provider } = instance;
    return provider.embed === undefined ? new Failure('NOT_SUPPORTED', `${provider.manifest.displayName} makes no embeddings`, { metadata: { provider: name, model } }) : undefined;
  });
  const first = able.attempts.findIndex(fits);
  const asked = able.attempts[first];
  return { ...able, mayGoOn: false, attempts: asked === undefined ? able.attempts : able.attempts.filter((planned, at) => at < first || isSameCandidate(planned, asked)) };
}
