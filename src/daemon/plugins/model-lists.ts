import type { ModelInfo } from '../../plugins/provider.ts';
import type { ProviderKey } from '../keys/secrets.ts';
import type { ProviderInstance } from './provider-instance.ts';

/** How long a provider's list of models is believed. */
const FRESH_MS = 5 * 60_000;

interface Listed {
  readonly label: string | undefined;
  readonly untilMs: number;
  readonly models: readonly ModelInfo[];
}

/**
 * The providers' lists of models, asked once in five minutes, so that going through pages asks nobody again. A changed config makes new
 * instances, which know nothing of the old ones' lists.
 */
export class ModelLists {
  readonly #lists = new WeakMap<ProviderInstance, Listed>();

  /** The models of an instance. Throws what its plugin throws; a failure is not remembered. */
  async of(configured: ProviderInstance, key: ProviderKey | undefined, signal: AbortSignal): Promise<readonly ModelInfo[]> {
    const known = this.#lists.get(configured);
    if (known !== undefined && known.label === key?.label && performance.now() < known.untilMs) return known.models;
    const models = await configured.provider.listModels({ instance: configured.instance, key: key?.secret.reveal() ?? '' }, { signal });
    this.#lists.set(configured, { label: key?.label, untilMs: performance.now() + FRESH_MS, models });
    return models;
  }
}
