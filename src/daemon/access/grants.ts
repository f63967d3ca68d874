import { Failure } from '../failure.ts';
import type { Caller } from './caller.ts';
import { fitsGlob } from './glob.ts';

/** Why a caller's token does not allow a provider's model; undefined when it does. */
export function notGranted(caller: Caller, provider: string, model: string): Failure | undefined {
  if (caller.providers !== undefined && !caller.providers.some((glob) => fitsGlob(glob, provider))) {
    return new Failure('PROVIDER_NOT_GRANTED', `the token of "${caller.client}" does not allow the provider ${provider}`, { metadata: { provider } });
  }
  const id = `${provider}/${model}`;
  if (caller.models !== undefined && !caller.models.some((glob) => fitsGlob(glob, id))) {
    return new Failure('MODEL_NOT_GRANTED', `the token of "${caller.client}" does not allow the model ${id}`, { metadata: { provider, model } });
  }
  return undefined;
}
