import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Secret } from '../secret.ts';

/** A provider's key, and the label under which it is kept. */
export interface ProviderKey {
  /** "" is the default key. */
  readonly label: string;
  readonly secret: Secret;
}

/** Where provider keys come from. */
export interface Secrets {
  /** The instance's keys, in the order in which they are tried. Empty when it has none. */
  keysFor(instance: ProviderInstance): Promise<readonly ProviderKey[]>;
}
