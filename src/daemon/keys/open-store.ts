import { lstat } from 'node:fs/promises';
import type { Environment } from '../../environment.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../logger.ts';
import { ageFileStore } from './age-file-store.ts';
import { isOneOf } from './key-fingerprint.ts';
import type { KeyIndex } from './key-index.ts';
import { accountOf } from './key-format.ts';
import { keychainStore } from './keychain-store.ts';
import type { SecretStore } from './secret-store.ts';
import { unavailable } from './store-failure.ts';

export interface OpenStore {
  readonly store: SecretStore;
  /** Why it is not the keychain; "" when it is, or was asked for. */
  readonly problem: string;
}

export interface StoreOpener {
  /** The store in use: chosen once, and again when the config asks for another. Throws KEYS_LOCKED, KEY_STORE_UNAVAILABLE. */
  open(index: KeyIndex): Promise<OpenStore>;
  /** Forgets which one it was, so that the next `open` looks anew. */
  reconsider(): void;
  /** What a store is called, whether it can be opened or not. */
  describe(origin: SecretStore['origin']): string;
  /** Forgets what the stores hold in memory. */
  forget(): void;
  close(): Promise<void>;
}

export interface StoreOpenerOptions {
  readonly environment: Environment;
  readonly log: Logger;
  readonly config: () => Pick<Config, 'keys'>;
}

const RETRY_MS = 2000;

/** Under which name a store keeps a secret of the daemon's own: all homes of a user share the keychain. */
export const ownAccount = (store: SecretStore, name: string, { home: { id } }: Pick<Environment, 'home'>): string =>
  store.origin === 'keychain' && id !== '' ? `@${name}:${id}` : `@${name}`;

const exists = async (path: string): Promise<boolean> => (await lstat(path).catch(() => undefined)) !== undefined;

/** Opens the store that the config asks for, or the one that this home began with. Never another one in silence. */
export function storeOpener({ environment, log, config }: StoreOpenerOptions): StoreOpener {
  const keychain = keychainStore({ environment });
  const file = ageFileStore({ environment, onIdentity: (path) => log.warn({ path }, 'an identity was made that opens the encrypted file of keys: without it nobody can, so keep a copy of it in a safe place') });
  let opening: { readonly wanted: string; readonly store: Promise<OpenStore> } | undefined;

  const useKeychain = async (elseSay: string): Promise<OpenStore> => {
    const why = await keychain.whyNowhere();
    if (why !== undefined) throw unavailable(`${elseSay}, which cannot be used now: ${why}`);
    return { store: keychain, problem: '' };
  };

  /** Brings what one store holds into the other. The old one is emptied only when the new one holds it all, on the disk. */
  const move = async (from: SecretStore, to: SecretStore, index: KeyIndex): Promise<void> => {
    const { keys, own } = index.content;
    const entries = [
      ...keys.map(({ provider, label, fingerprints }) => ({ account: accountOf(provider, label), target: accountOf(provider, label), fingerprints })),
      ...own.map((name) => ({ account: ownAccount(from, name, environment), target: ownAccount(to, name, environment), fingerprints: [] })),
    ];
    const moved: string[] = [];
    for (const { account, target, fingerprints } of entries) {
      const secret = await from.read(account);
      // What another home put in its place is neither taken nor removed.
      if (secret === undefined || (fingerprints.length > 0 && !isOneOf(fingerprints, secret))) continue;
      await to.write(target, secret);
      moved.push(account);
    }
    await index.update((content) => ({ ...content, store: to.origin }));
    for (const account of moved) {
      await from.remove(account).catch((error: unknown) => log.error({ err: error, account }, `a secret was moved, but stays in ${from.description} too: remove it there`));
    }
    log.info(`the keys moved from ${from.description} to ${to.description}, as keys.store asks`);
  };

  const chosenByConfig = async (wanted: 'keychain' | 'file', index: KeyIndex): Promise<OpenStore> => {
    const [to, from] = wanted === 'file' ? [file, keychain] : [keychain, file];
    if (wanted === 'keychain') await useKeychain('the config (keys.store) asks for the keychain');
    const { store: recorded } = index.content;
    const began = recorded ?? ((await exists(environment.home.ageFile)) ? 'encrypted-file' : to.origin);
    if (began === to.origin) return { store: to, problem: '' };
    if (began === 'keychain') await useKeychain('the config (keys.store) asks for the encrypted file, and the keys are still in the keychain');
    await move(from, to, index);
    return { store: to, problem: '' };
  };

  const chosenByHome = async (index: KeyIndex): Promise<OpenStore> => {
    const { store: recorded } = index.content;
    if (recorded === 'keychain') return await useKeychain('the keys of this home are in the keychain');
    if (recorded === 'encrypted-file' || (await exists(environment.home.ageFile))) {
      return { store: file, problem: (await keychain.whyNowhere()) ?? 'the keys of this home have been in the encrypted file since before; set keys.store to "keychain" in the config to move them' };
    }
    const why = await keychain.whyAbsent();
    return why === undefined ? { store: keychain, problem: '' } : { store: file, problem: why };
  };

  const choose = async (wanted: Config['keys']['store'], index: KeyIndex): Promise<OpenStore> => {
    const chosen = wanted === 'auto' ? await chosenByHome(index) : await chosenByConfig(wanted, index);
    log.info({ store: chosen.store.origin, problem: chosen.problem }, `keys are kept in ${chosen.store.description}`);
    return chosen;
  };

  return {
    async open(index) {
      const wanted = config().keys.store;
      if (opening?.wanted !== wanted) opening = { wanted, store: choose(wanted, index) };
      const mine = opening;
      try {
        return await mine.store;
      } catch (error) {
        // Remembered for a moment: not every call that needs a key shall ask again what does not answer.
        setTimeout(() => {
          if (opening === mine) opening = undefined;
        }, RETRY_MS).unref();
        throw error;
      }
    },
    reconsider() {
      opening = undefined;
    },
    describe: (origin) => (origin === 'keychain' ? keychain : file).description,
    forget() {
      keychain.forget();
      file.forget();
    },
    async close() {
      await keychain.close();
      await file.close();
    },
  };
}
