import type { Secret } from '../secret.ts';
import type { KeyOrigin } from './secrets.ts';

export interface StoreUnlock {
  readonly signal: AbortSignal | undefined;
  readonly isAdmin: boolean;
  /** False once it was locked again. */
  readonly isWanted: () => boolean;
}

/** A place that keeps secrets, each under an account. Every call throws KEYS_LOCKED or KEY_STORE_UNAVAILABLE when the place is closed or does not answer. */
export interface SecretStore {
  readonly origin: Exclude<KeyOrigin, 'environment'>;
  /** Which one, for people. */
  readonly description: string;
  /** Undefined when there is none. */
  read(account: string): Promise<Secret | undefined>;
  /** On the disk when this resolves. */
  write(account: string, secret: Secret): Promise<void>;
  /** Whether there was one. */
  remove(account: string): Promise<boolean>;
  /** Whether it must be unlocked before it can be read. False when that is only found out by reading. Throws what else keeps it shut. */
  isLocked(): Promise<boolean>;
  /** Forgets what it holds in memory, and what it was unlocked with. */
  forget(): void;
  /** Opens it; an empty passphrase where it needs none. Throws KEYS_LOCKED for a wrong passphrase, REQUEST_INVALID for one that it has no use for. */
  unlock(passphrase: Secret, options: StoreUnlock): Promise<void>;
  close(): Promise<void>;
}
