import type { Logger } from '../logger.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import { inTurn } from '../files/in-turn.ts';
import { invalidRequest } from '../failure.ts';
import type { Secret } from '../secret.ts';
import { originOf, originToBind, UNFINISHED, UNKNOWN } from './bound-origin.ts';
import { fingerprintOf, isOneOf } from './key-fingerprint.ts';
import { accountOf, hintOf } from './key-format.ts';
import type { KeyIndex, KeyIndexContent, StoredKey } from './key-index.ts';
import type { OpenStore } from './open-store.ts';
import { secretCache } from './secret-cache.ts';
import type { KeyVerdict } from './secrets.ts';

export interface StoredKeysOptions {
  readonly index: () => Promise<KeyIndex>;
  readonly store: () => Promise<OpenStore>;
  readonly log: Logger;
  readonly now: () => number;
}

/** The keys that are kept in a store, and what is known of them. */
export interface StoredKeys {
  /** As `keysOf`. Looks for lost ones first. */
  of(instance: ProviderInstance): Promise<readonly StoredKey[]>;
  /** One that was read before and is held in memory. */
  peek(key: StoredKey): Secret | undefined;
  /** Undefined when the store does not have it any more, or has another in its place. */
  read(key: StoredKey): Promise<Secret | undefined>;
  /** Whether the store had another key in its place when it was read last. */
  isForeign(key: StoredKey): boolean;
  write(instance: ProviderInstance, label: string, secret: Secret, verdict: KeyVerdict | undefined): Promise<void>;
  /** Whether there was one. */
  remove(provider: string, label: string): Promise<boolean>;
  /** Remembers what the provider said, if the key is still this one. */
  judge(provider: string, label: string, secret: Secret, verdict: KeyVerdict): void;
  /** Drops them from memory, when what is being written is. */
  forget(): Promise<void>;
  /** Resolves when all that was begun is on the disk, or failed. */
  close(): Promise<void>;
}

/** A verdict that is the same as before is written down only so often: its time is all that changes. */
const CHECKED_EVERY_MS = 600_000;

const MAX_LABELS = 64;
const MAX_KEYS = 1024;

const isKey = (provider: string, label: string) => (key: StoredKey): boolean => key.provider === provider && key.label === label;

/** Puts a key where it was, or last. */
function put(content: KeyIndexContent, key: StoredKey): KeyIndexContent {
  const same = isKey(key.provider, key.label);
  return { ...content, keys: content.keys.some(same) ? content.keys.map((each) => (same(each) ? key : each)) : [...content.keys, key] };
}

const without = (content: KeyIndexContent, provider: string, label: string): KeyIndexContent => ({ ...content, keys: content.keys.filter((key) => !isKey(provider, label)(key)) });

/** An instance's keys, the default one first, then in the order in which they were first stored. */
export function keysOf({ keys }: KeyIndexContent, name: string): readonly StoredKey[] {
  const own = keys.filter(({ provider }) => provider === name);
  return own.length < 2 ? own : [...own.filter(({ label }) => label === ''), ...own.filter(({ label }) => label !== '')];
}

/** Throws REQUEST_INVALID where one more key is too many. */
function checkRoom({ keys }: KeyIndexContent, provider: string): void {
  const refuse = (description: string) => invalidRequest([{ field: 'label', description: `${description}; remove one that is not needed first (tollgate keys rm)` }]);
  if (keys.filter((key) => key.provider === provider).length >= MAX_LABELS) throw refuse(`${provider} has ${MAX_LABELS} keys already, and no more`);
  if (keys.length >= MAX_KEYS) throw refuse(`${MAX_KEYS} keys are stored already, and no more`);
}

export function storedKeys({ index, store, log, now }: StoredKeysOptions): StoredKeys {
  const cache = secretCache();
  const lookedFor = new Set<string>();
  const foreign = new Set<string>();
  const turn = inTurn();
  const notings = new Set<Promise<void>>();

  const load = (provider: string, label: string): Promise<Secret | undefined> => {
    const account = accountOf(provider, label);
    return cache.get(account, async () => {
      const secret = await (await store()).store.read(account);
      return secret !== undefined && (await isOurs(provider, label, secret)) ? secret : undefined;
    });
  };

  /** All homes of a user share the keychain: what another one set may go elsewhere than what was set here. */
  const isOurs = async (provider: string, label: string, secret: Secret): Promise<boolean> => {
    const { content, update } = await index();
    const key = content.keys.find(isKey(provider, label));
    const account = accountOf(provider, label);
    foreign.delete(account);
    if (key === undefined) return true;
    if (key.fingerprints.length === 0) {
      const fingerprints = [fingerprintOf(secret)];
      const bind = (each: StoredKey): StoredKey => (isKey(provider, label)(each) && each.fingerprints.length === 0 ? { ...each, fingerprints } : each);
      await update((current) => ({ ...current, keys: current.keys.map(bind) })).catch((error: unknown) => log.warn({ err: error }, 'cannot write down which key was stored'));
      return true;
    }
    if (isOneOf(key.fingerprints, secret)) return true;
    foreign.add(account);
    log.warn({ provider, label }, 'a key in the store was changed by another home or program and is not used: set it again');
    return false;
  };

  /** Where the index was lost, the default key is looked for. It may go where the plugin as it ships goes, and nowhere else. */
  const recover = async ({ name, provider }: ProviderInstance): Promise<void> => {
    const { content, update } = await index();
    if (!content.lost || lookedFor.has(name) || content.keys.some(isKey(name, ''))) return;
    const secret = await load(name, '');
    lookedFor.add(name);
    if (secret === undefined) return;
    const { defaultBaseUrl } = provider.manifest;
    const key = { provider: name, label: '', hint: hintOf(secret.reveal()), origin: defaultBaseUrl === '' ? UNKNOWN : originOf(defaultBaseUrl), fingerprints: [fingerprintOf(secret)], addedAt: new Date(now()), verdict: undefined, lastChecked: undefined };
    const { store: from } = await store();
    await update((current) => ({ ...put(current, key), store: from.origin }));
    log.info({ provider: name }, 'a stored key was found again');
  };

  const write = async (instance: ProviderInstance, label: string, secret: Secret, verdict: KeyVerdict | undefined): Promise<void> => {
    const { name } = instance;
    const account = accountOf(name, label);
    const origin = originToBind(instance);
    const { store: target } = await store();
    const { content: before, update } = await index();
    const old = before.keys.find(isKey(name, label));
    if (old === undefined) checkRoom(before, name);
    const added = new Date(now());
    const fingerprint = fingerprintOf(secret);
    const key: StoredKey = { provider: name, label, hint: hintOf(secret.reveal()), origin, fingerprints: [fingerprint], addedAt: added, verdict, lastChecked: verdict === undefined ? undefined : added };
    // Should this be cut short between the store and the index, then a new key must not go to an old one's address, nor be forgotten.
    const fingerprints = old?.fingerprints.length === 0 ? [] : [...(old?.fingerprints ?? []), fingerprint];
    const unfinished: StoredKey = old?.origin === origin ? { ...old, fingerprints } : { ...key, origin: UNFINISHED, fingerprints };
    await update((content) => ({ ...put(content, unfinished), store: target.origin }));
    try {
      await target.write(account, secret);
    } catch (error) {
      await update((content) => ({ ...(old === undefined ? without(content, name, label) : put(content, old)), store: before.store })).catch((again: unknown) => log.error({ err: again }, 'cannot write the list of keys'));
      throw error;
    }
    cache.set(account, secret);
    foreign.delete(account);
    await update((content) => ({ ...put(content, key), store: target.origin }));
  };

  const remove = async (provider: string, label: string): Promise<boolean> => {
    const account = accountOf(provider, label);
    const { store: target } = await store();
    const { content, update } = await index();
    const key = content.keys.find(isKey(provider, label));
    const listed = key !== undefined;
    // The keychain is shared with the user's other homes: what this one did not store is not its to remove.
    if (!listed && target.origin === 'keychain' && !content.lost) return false;
    const held = listed && key.fingerprints.length > 0 ? await target.read(account) : undefined;
    const ours = held === undefined || !listed || isOneOf(key.fingerprints, held);
    const stored = ours && (await target.remove(account));
    cache.delete(account);
    foreign.delete(account);
    if (listed) await update((current) => without(current, provider, label));
    return listed || stored;
  };

  /** Known at once, so that the next call passes a refused key over; written down after. Most calls have nothing new to say. */
  const judge = async (provider: string, label: string, secret: Secret, verdict: KeyVerdict): Promise<void> => {
    const { content, note, update } = await index();
    const key = content.keys.find(isKey(provider, label));
    if (key === undefined || cache.peek(accountOf(provider, label))?.reveal() !== secret.reveal()) return;
    const checked = new Date(now());
    if (key.verdict === verdict && checked.getTime() - (key.lastChecked?.getTime() ?? 0) < CHECKED_EVERY_MS) return;
    note((current) => put(current, { ...key, verdict, lastChecked: checked }));
    await turn(() => update((current) => current));
  };

  return {
    async of(instance) {
      await recover(instance);
      return keysOf((await index()).content, instance.name);
    },
    peek: ({ provider, label }) => cache.peek(accountOf(provider, label)),
    read: ({ provider, label }) => load(provider, label),
    isForeign: ({ provider, label }) => foreign.has(accountOf(provider, label)),
    write: (...parts) => turn(() => write(...parts)),
    remove: (provider, label) => turn(() => remove(provider, label)),
    judge: (provider, label, secret, verdict) => {
      const noting = judge(provider, label, secret, verdict)
        .catch((error: unknown) => log.error({ err: error, provider }, 'cannot write down what the provider said of its key'))
        .finally(() => notings.delete(noting));
      notings.add(noting);
    },
    forget: () => turn(async () => cache.clear()),
    async close() {
      await Promise.all(notings);
      await turn(async () => cache.clear());
    },
  };
}
