import type { Instance } from '../../gen/tollgate/provider/v1/provider_service.ts';
import type { Provider } from '../../plugins/provider.ts';

/** A configured provider: a plugin, and what makes this instance of it. */
export interface ProviderInstance {
  readonly name: string;
  readonly provider: Provider;
  readonly enabled: boolean;
  /** What the plugin gets to know. */
  readonly instance: Instance;
  /** Whether the answer is made on this machine. */
  readonly isLocal: boolean;
  readonly keyRequired: boolean;
  /** The model that `auto` asks it for. Empty is none. */
  readonly defaultModel: string;
  /** Environment variables that may hold the key, in this order. */
  readonly keyEnvNames: readonly string[];
  /** Settings that it cannot be called without and that are not set; "base_url" may be one. */
  readonly missingSettings: readonly string[];
}
