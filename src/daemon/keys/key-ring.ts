import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Secret } from '../secret.ts';
import type { KeyOrigin, KeyVerdict, ProviderKey, Secrets } from './secrets.ts';

/** What is known of a key without reading it. */
export interface KeyRecord {
  /** "" is the default key. */
  readonly label: string;
  readonly origin: KeyOrigin;
  /** Its last 4 characters; "" when it has fewer than 12. */
  readonly hint: string;
  /** What the provider said of it last; undefined when it was never asked. */
  readonly verdict: KeyVerdict | undefined;
  /** When it said that. */
  readonly lastChecked: Date | undefined;
  /** The environment variable that holds it; "" for a stored key. */
  readonly envName: string;
  /** The scheme, host and port that a stored key may be sent to, when the instance's base URL is another now; FOREIGN when the store holds another key than was set here. */
  readonly boundElsewhere: string | undefined;
}

export interface KeyStoreStatus {
  /** undefined when there is none. */
  readonly origin: 'keychain' | 'encrypted-file' | undefined;
  /** Which one, for people. */
  readonly description: string;
  readonly locked: boolean;
  /** Why it cannot be used, or why not the keychain; "" is nothing. */
  readonly problem: string;
}

export interface UnlockOptions {
  /** Fires when the caller is gone: a guess that waits is dropped. */
  readonly signal?: AbortSignal;
  /** Whether a passphrase may be set up where the store already holds secrets of the daemon's own. Default false. */
  readonly isAdmin?: boolean;
}

/** All keys of this daemon: stored ones and those of its environment. */
export interface KeyRing extends Secrets {
  status(): Promise<KeyStoreStatus>;
  /** What is known of an instance's keys, in the order in which they are tried. Also works while the store is locked. */
  recordsOf(instance: ProviderInstance): Promise<readonly KeyRecord[]>;
  /** One key of an instance, also a refused one; undefined when none of this label may be used for it. Throws like `keysFor`. */
  keyOf(instance: ProviderInstance, label: string): Promise<ProviderKey | undefined>;
  /** Stores a key and uses it from now on; bound to the origin of the instance's base URL. Throws KEYS_LOCKED, KEY_STORE_UNAVAILABLE. */
  set(instance: ProviderInstance, label: string, secret: Secret, verdict: KeyVerdict | undefined): Promise<void>;
  /** Removes a stored key from store and memory. Returns whether there was one. Throws KEYS_LOCKED, KEY_STORE_UNAVAILABLE. */
  remove(instance: string, label: string): Promise<boolean>;
  /** Forgets every key in memory; until `unlock`, also after a restart, whatever needs a key throws KEYS_LOCKED. Throws KEY_STORE_UNAVAILABLE when it would not last. */
  lock(): Promise<void>;
  /** Opens the store. Throws KEYS_LOCKED for a wrong passphrase, each time slower; DAEMON_OVERLOADED when too many wait. */
  unlock(passphrase: Secret, options?: UnlockOptions): Promise<void>;
  /** A secret of the daemon's own, kept in the same store. `lock` does not concern those already read. Throws like `keysFor`. */
  readOwn(name: string): Promise<Secret | undefined>;
  writeOwn(name: string, secret: Secret): Promise<void>;
  close(): Promise<void>;
}
