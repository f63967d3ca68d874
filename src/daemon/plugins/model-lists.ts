import { createHash } from 'node:crypto';
import { redact } from '../../plugins/kit/redact.ts';
import type { ModelInfo } from '../../plugins/provider.ts';
import type { ProviderKey } from '../keys/secrets.ts';
import type { ProviderInstance } from './provider-instance.ts';

/** How long a provider's list of models is believed. */
const FRESH_MS = 5 * 60_000;

interface Listed {
  /** Tells one key from another. No key stays in memory for it. */
  readonly keyHash: string;
  readonly untilMs: number;
  readonly models: readonly ModelInfo[];
  readonly byName: ReadonlyMap<string, ModelInfo>;
}

/** What a provider says of one of its models. */
export interface KnownModel {
  readonly info: ModelInfo;
  /** Whether it said so lately, so that it can hardly have changed. */
  readonly isFresh: boolean;
}

/** A provider may put the key that it was sent into any word of its answer. */
const withoutKey = (info: ModelInfo, key: string): ModelInfo => ({
  ...info,
  model: redact(info.model, key),
  displayName: redact(info.displayName, key),
  inputModalities: info.inputModalities.map((word) => redact(word, key)),
  capabilities: info.capabilities.map((word) => redact(word, key)),
  refuses: info.refuses.map((word) => redact(word, key)),
});

const hashOf = (key: string): string => createHash('sha256').update(key).digest('base64');

/**
 * The providers' lists of models, asked once in five minutes, so that going through pages asks nobody again. A changed config makes new
 * instances, which know nothing of the old ones' lists.
 */
export class ModelLists {
  readonly #lists = new WeakMap<ProviderInstance, Listed>();

  /** The models of an instance. Throws what its plugin throws; a failure is not remembered. */
  async of(configured: ProviderInstance, key: ProviderKey | undefined, signal: AbortSignal): Promise<readonly ModelInfo[]> {
    const secret = key?.secret.reveal() ?? '';
    const keyHash = hashOf(secret);
    const known = this.#lists.get(configured);
    if (known !== undefined && known.keyHash === keyHash && performance.now() < known.untilMs) return known.models;
    const listed = await configured.provider.listModels({ instance: configured.instance, key: secret }, { signal });
    const models = listed.map((model) => withoutKey(model, secret));
    this.#lists.set(configured, { keyHash, untilMs: performance.now() + FRESH_MS, models, byName: new Map(models.map((info) => [info.model, info])) });
    return models;
  }

  /** What is known of a model without asking anybody: from the last list that somebody asked for, or from the plugin itself. */
  known(configured: ProviderInstance, model: string): KnownModel | undefined {
    const listed = this.#lists.get(configured);
    const info = listed?.byName.get(model);
    if (listed !== undefined && info !== undefined) return { info, isFresh: performance.now() < listed.untilMs };
    const shipped = configured.provider.manifest.models.find((each) => each.model === model);
    return shipped === undefined ? undefined : { info: shipped, isFresh: true };
  }
}
