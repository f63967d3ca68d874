import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Secret } from '../secret.ts';

/** Where a key comes from. */
export type KeyOrigin = 'keychain' | 'encrypted-file' | 'environment';

/** A provider's key, and the label under which it is kept. */
export interface ProviderKey {
  /** "" is the default key. */
  readonly label: string;
  readonly secret: Secret;
  readonly origin: KeyOrigin;
}

/** What a provider said of a key. */
export type KeyVerdict = 'good' | 'refused';

/** Where provider keys come from. */
export interface Secrets {
  /**
   * The instance's keys, in the order in which they are tried; a refused one only when there is no other. Empty when it has none.
   * Throws KEYS_LOCKED, or KEY_STORE_UNAVAILABLE when the store does not answer within 5 s.
   */
  keysFor(instance: ProviderInstance): Promise<readonly ProviderKey[]>;
  /** Remembers what the provider said of a key, until that key changes. */
  judge(instance: string, key: ProviderKey, verdict: KeyVerdict): void;
}
