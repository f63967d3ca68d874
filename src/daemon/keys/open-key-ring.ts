import type { Environment } from '../../environment.ts';
import type { Config } from '../config/config.ts';
import { Failure } from '../failure.ts';
import type { Logger } from '../logger.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Secret } from '../secret.ts';
import { FOREIGN, originOf } from './bound-origin.ts';
import { environmentKey, type EnvironmentKey } from './environment-key.ts';
import { accountOf, checkKeyFormat, hintOf } from './key-format.ts';
import { openKeyIndex, type KeyIndex, type StoredKey } from './key-index.ts';
import type { KeyRecord, KeyRing, KeyStoreStatus, UnlockOptions } from './key-ring.ts';
import { storeOpener, type OpenStore } from './open-store.ts';
import { ownSecrets } from './own-secrets.ts';
import type { KeyVerdict, ProviderKey } from './secrets.ts';
import { locked, storeFailure, unavailable } from './store-failure.ts';
import { keysOf, storedKeys } from './stored-keys.ts';

export interface KeyRingOptions {
  readonly environment: Environment;
  readonly log: Logger;
  readonly config: () => Pick<Config, 'keys'>;
  /** The time, in milliseconds since 1970. Default Date.now. */
  readonly now?: () => number;
}

interface Judged {
  readonly secret: Secret;
  readonly verdict: KeyVerdict;
  readonly at: Date;
}

/** A key that may be used for an instance, still in its place. */
interface Usable {
  readonly label: string;
  readonly refused: boolean;
  readonly isStored: boolean;
  read(): Promise<ProviderKey | undefined>;
  /** The same, where it is in memory. */
  peek(): ProviderKey | undefined;
}

const isLockedFailure = (error: unknown): boolean => error instanceof Failure && error.reason === 'KEYS_LOCKED';

/** All keys of this daemon. Nothing is read, loaded or asked before the first call that needs it. */
export function openKeyRing({ environment, log, config, now = Date.now }: KeyRingOptions): KeyRing {
  const { home, variables } = environment;
  const opener = storeOpener({ environment, log, config });
  const verdicts = new Map<string, Judged>();
  let opening: Promise<KeyIndex> | undefined;
  let openIndex: KeyIndex | undefined;
  let isLocked = false;
  /** How often they were locked: an unlock that was under way does not undo a lock. */
  let locks = 0;
  let closed = false;

  const index = async (): Promise<KeyIndex> => {
    opening ??= openKeyIndex(home, (aside) => log.error({ aside }, 'the list of stored keys was damaged and is set aside: default keys are found again, labelled ones must be set again')).then((found) => {
      isLocked ||= found.content.locked;
      openIndex = found;
      return found;
    });
    const mine = opening;
    try {
      return await mine;
    } catch (error) {
      if (opening === mine) opening = undefined;
      throw error;
    }
  };
  const store = async (): Promise<OpenStore> => {
    if (closed) throw unavailable('the daemon is stopping; try again in a moment');
    return await opener.open(await index());
  };
  const mustBeOpen = async (): Promise<void> => {
    // It tells whether they were locked before a restart. When it cannot be read, what comes next says so.
    await index().catch(() => undefined);
    if (isLocked) throw locked('the keys are locked: unlock them with `tollgate keys unlock`');
  };
  const stored = storedKeys({ index, store, log, now });
  const own = ownSecrets({ environment, index, store });

  let told = '';
  /** Whatever the store throws becomes the failure of a call. The log gets what lies behind it: once, not with every call. */
  const guarded = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      const result = await step();
      told = '';
      return result;
    } catch (error) {
      const failure = storeFailure(error);
      if (failure.cause !== undefined && failure.message !== told) log.warn({ err: failure }, 'the key store failed');
      told = failure.message;
      throw failure;
    }
  };

  /** The environment's keys cannot change while the daemon runs, but the config can name another variable. */
  const judgedOf = ({ name }: ProviderInstance, { key }: EnvironmentKey): Judged | undefined => {
    const judged = verdicts.get(name);
    return judged?.secret.reveal() === key.secret.reveal() ? judged : undefined;
  };

  const fromStore = (key: StoredKey): Usable => ({
    label: key.label,
    refused: key.verdict === 'refused',
    isStored: true,
    async read() {
      const secret = await stored.read(key);
      if (secret === undefined) log.warn({ provider: key.provider, label: key.label }, 'a key is not in the store any more: set it again');
      return secret === undefined ? undefined : { label: key.label, secret, origin: (await store()).store.origin };
    },
    peek() {
      const secret = stored.peek(key);
      const origin = openIndex?.content.store;
      return secret === undefined || origin === undefined ? undefined : { label: key.label, secret, origin };
    },
  });

  const fromEnvironment = (instance: ProviderInstance, outside: EnvironmentKey): Usable => ({
    label: '',
    refused: judgedOf(instance, outside)?.verdict === 'refused',
    isStored: false,
    read: async () => outside.key,
    peek: () => outside.key,
  });

  /** In the order in which they are tried. A stored default key takes the place of the environment's. */
  const arranged = (instance: ProviderInstance, storedOnes: readonly StoredKey[]): readonly Usable[] => {
    const here = storedOnes.length === 0 ? '' : originOf(instance.instance.baseUrl);
    const keys = storedOnes.filter(({ origin }) => origin === here).map(fromStore);
    const outside = environmentKey(instance, variables);
    return outside === undefined || keys.some(({ label }) => label === '') ? keys : [fromEnvironment(instance, outside), ...keys];
  };
  const usableOf = async (instance: ProviderInstance): Promise<readonly Usable[]> => arranged(instance, await stored.of(instance));

  /** Those that were refused are tried only where there is no other. */
  const preferred = (usable: readonly Usable[]): readonly Usable[] => {
    const good = usable.filter(({ refused }) => !refused);
    return good.length > 0 ? good : usable;
  };

  /** Reads them. A store that fails is passed over only where the environment has a key of its own. */
  const readAll = async (usable: readonly Usable[]): Promise<readonly ProviderKey[]> => {
    const outside = usable.some(({ isStored }) => !isStored);
    const keys = await Promise.all(
      usable.map((key) =>
        key.read().catch((error: unknown) => {
          if (!outside) throw error;
          return undefined;
        }),
      ),
    );
    return keys.filter((key) => key !== undefined);
  };

  const hasOrNeedsKey = async (instance: ProviderInstance): Promise<boolean> =>
    instance.keyRequired || environmentKey(instance, variables) !== undefined || (await index().catch(() => undefined))?.content.keys.some(({ provider }) => provider === instance.name) === true;

  /** The keys of an instance where all of them are in memory, as they are for all calls but the first; in the order of `keysFor`. */
  const keysAtHand = (instance: ProviderInstance): readonly ProviderKey[] | undefined => {
    if (openIndex === undefined || isLocked || closed) return undefined;
    if (openIndex.content.lost) return undefined;
    const usable = arranged(instance, keysOf(openIndex.content, instance.name));
    const keys = preferred(usable).flatMap((key) => key.peek() ?? []);
    return keys.length === preferred(usable).length ? keys : undefined;
  };

  const keysFor = async (instance: ProviderInstance): Promise<readonly ProviderKey[]> => {
    await index().catch(() => undefined);
    if (isLocked && !(await hasOrNeedsKey(instance))) return [];
    await mustBeOpen();
    const usable = await usableOf(instance).catch((error: unknown) => {
      // Who needs no key goes on when it cannot be known whether there is one.
      if (instance.keyRequired || environmentKey(instance, variables) !== undefined) throw error;
      return [];
    });
    const good = await readAll(preferred(usable));
    return good.length > 0 ? good : await readAll(usable);
  };

  const recordsOf = async (instance: ProviderInstance): Promise<readonly KeyRecord[]> => {
    const here = originOf(instance.instance.baseUrl);
    // Looking for lost keys may fail: then what is known is all that there is to say.
    const keys = await stored.of(instance).catch(async () => (await index()).content.keys.filter(({ provider }) => provider === instance.name));
    const origin = (await index()).content.store ?? 'encrypted-file';
    const records = keys.map((key): KeyRecord => {
      const { label, hint, verdict, lastChecked } = key;
      const bound = stored.isForeign(key) ? FOREIGN : key.origin;
      return { label, origin, hint, verdict, lastChecked, envName: '', boundElsewhere: bound === here ? undefined : bound };
    });
    const outside = environmentKey(instance, variables);
    if (outside === undefined || records.some(({ label, boundElsewhere }) => label === '' && boundElsewhere === undefined)) return records;
    const judged = judgedOf(instance, outside);
    const hint = hintOf(outside.key.secret.reveal());
    return [{ label: '', origin: 'environment', hint, verdict: judged?.verdict, lastChecked: judged?.at, envName: outside.name, boundElsewhere: undefined }, ...records];
  };

  const status = async (): Promise<KeyStoreStatus> => {
    try {
      const { store: opened, problem } = await store();
      // Asked in any case: also a locked ring's store may have a problem of its own.
      const storeLocked = await opened.isLocked();
      return { origin: opened.origin, description: opened.description, locked: isLocked || storeLocked, problem };
    } catch (error) {
      const recorded = await index().then(({ content }) => content.store, () => undefined);
      const { message } = storeFailure(error);
      return { origin: recorded, description: recorded === undefined ? '' : opener.describe(recorded), locked: isLocked || isLockedFailure(error), problem: message };
    }
  };

  const unlock = async (passphrase: Secret, { signal, isAdmin = false }: UnlockOptions = {}): Promise<void> => {
    const before = locks;
    const keyIndex = await index();
    const isWanted = (): boolean => locks === before;
    opener.reconsider();
    const { store: opened } = await store();
    await opened.unlock(passphrase, { signal, isAdmin, isWanted });
    // A keychain tells only by being read whether it is open. Until then, what is in memory goes on to be used.
    const [first] = keyIndex.content.keys;
    if (first !== undefined) await opened.read(accountOf(first.provider, first.label));
    if (!isWanted()) throw locked('the keys were locked meanwhile: unlock them again with `tollgate keys unlock`');
    signal?.throwIfAborted();
    isLocked = false;
    await stored.forget();
    if (!keyIndex.content.locked) return;
    await keyIndex.update((current) => ({ ...current, locked: current.locked && !isWanted() })).catch((error: unknown) => log.error({ err: error }, 'the keys are unlocked, but will be locked again after a restart, as that cannot be written down'));
  };

  return {
    status,
    async keysFor(instance) {
      // What was judged of a key before is noted by then.
      await index().catch(() => undefined);
      return keysAtHand(instance) ?? guarded(() => keysFor(instance));
    },
    recordsOf: (instance) => guarded(() => recordsOf(instance)),
    keyOf: (instance, label) =>
      guarded(async () => {
        await mustBeOpen();
        return await (await usableOf(instance)).find((key) => key.label === label)?.read();
      }),
    judge(instance, { label, secret, origin }, verdict) {
      if (origin !== 'environment') stored.judge(instance, label, secret, verdict);
      else verdicts.set(instance, { secret, verdict, at: new Date(now()) });
    },
    set: (instance, label, secret, verdict) =>
      guarded(async () => {
        checkKeyFormat(instance.name, label, secret.reveal());
        await mustBeOpen();
        await stored.write(instance, label, secret, verdict);
      }),
    remove: (instance, label) =>
      guarded(async () => {
        checkKeyFormat(instance, label);
        await mustBeOpen();
        return await stored.remove(instance, label);
      }),
    lock: () =>
      guarded(async () => {
        isLocked = true;
        locks++;
        await stored.forget();
        opener.forget();
        try {
          await (await index()).update((content) => ({ ...content, locked: true }));
        } catch (error) {
          throw unavailable(`the keys are locked, but not beyond a restart of the daemon, as that cannot be written down: ${storeFailure(error).message}`, error);
        }
      }),
    unlock: (passphrase, options) => guarded(() => unlock(passphrase, options)),
    readOwn: (name) =>
      guarded(async () => {
        const known = own.known(name);
        if (known !== undefined) return known;
        await mustBeOpen();
        return await own.read(name);
      }),
    writeOwn: (name, secret) =>
      guarded(async () => {
        await mustBeOpen();
        await own.write(name, secret);
      }),
    async close() {
      closed = true;
      await stored.close();
      await opener.close();
    },
  };
}
