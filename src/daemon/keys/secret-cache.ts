import { forgetKeys } from '../../plugins/kit/redact.ts';
import type { Secret } from '../secret.ts';

export interface SecretCache {
  /** What is known of an account, else what `load` gives. Callers at the same time wait for one load; a failed one is not repeated for 2 s. */
  get(account: string, load: () => Promise<Secret | undefined>): Promise<Secret | undefined>;
  set(account: string, secret: Secret): void;
  /** The secret, when it was loaded already. */
  peek(account: string): Secret | undefined;
  delete(account: string): void;
  clear(): void;
}

const RETRY_MS = 2000;

interface Entry {
  readonly loading: Promise<Secret | undefined>;
  loaded: Secret | undefined;
}

/** Secrets in memory: a store is asked once for each. */
export function secretCache(): SecretCache {
  const entries = new Map<string, Entry>();
  return {
    get(account, load) {
      const known = entries.get(account);
      if (known !== undefined) return known.loading;
      const entry: Entry = { loading: load(), loaded: undefined };
      entries.set(account, entry);
      const drop = (): void => {
        if (entries.get(account) === entry) entries.delete(account);
      };
      entry.loading.then(
        (secret) => (entry.loaded = secret),
        () => setTimeout(drop, RETRY_MS).unref(),
      );
      return entry.loading;
    },
    set: (account, secret) => void entries.set(account, { loading: Promise.resolve(secret), loaded: secret }),
    peek: (account) => entries.get(account)?.loaded,
    // What cuts keys out of messages knows them too.
    delete(account) {
      entries.delete(account);
      forgetKeys();
    },
    clear() {
      entries.clear();
      forgetKeys();
    },
  };
}
