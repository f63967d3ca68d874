import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../../environment.ts';
import { Failure, invalidRequest } from '../failure.ts';
import { ensurePrivateDir } from '../files/private-dir.ts';
import { readPrivateBytes, removeLeftovers, writePrivateFile } from '../files/private-file.ts';
import { Secret } from '../secret.ts';
import { readContent, writeContent } from './age-content.ts';
import { makeIdentity, readIdentities } from './age-identity.ts';
import type { AgeKey } from './age-job.ts';
import { ageThread } from './age-thread.ts';
import { inTurn } from '../files/in-turn.ts';
import type { SecretStore, StoreUnlock } from './secret-store.ts';
import { locked, storeFailure, unavailable } from './store-failure.ts';

export interface AgeFileStoreOptions {
  readonly environment: Pick<Environment, 'credentialsDir' | 'home'>;
  /** Told when an identity was made for this file: it belongs into a backup. */
  readonly onIdentity: (file: string) => void;
}

/** A thousand keys of the longest kind. */
const MAX_BYTES = 16 * 1024 * 1024;
/** A passphrase is all that guards the file. */
const MIN_PASSPHRASE = 8;
/** Each wrong passphrase is answered so much later than the one before, up to the most. */
const WRONG_STEP_MS = 100;
const WRONG_MOST_MS = 10_000;
/** Beside the one that is tried. */
const MAX_WAITING_GUESSES = 4;

interface Opened {
  readonly stamp: string;
  readonly content: ReadonlyMap<string, string>;
}

/** Tells one state of the file from the next without reading it. "" when it is not there. */
async function stampOf(path: string): Promise<string> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined);
  return stats === undefined ? '' : [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs, stats.mode, stats.uid].join(' ');
}

/** Only its first line of recipients tells what opens it. */
const wantsPassphrase = (bytes: Uint8Array): boolean => {
  const head = Buffer.from(bytes.subarray(0, 128)).toString('latin1').trimStart();
  if (!head.startsWith('-----BEGIN')) return head.startsWith('age-encryption.org/v1\n-> scrypt ');
  return Buffer.from(head.split(/\r?\n/)[1] ?? '', 'base64').toString('latin1').startsWith('age-encryption.org/v1\n-> scrypt ');
};

/** Keeps the secrets in one file in age's format: opened by an identity, or by a passphrase. A file that cannot be opened is never written over. */
export function ageFileStore({ environment, onIdentity }: AgeFileStoreOptions): SecretStore {
  const path = environment.home.ageFile;
  const age = ageThread();
  // scrypt takes seconds: who reads does not wait for somebody's guess.
  const guessing = ageThread();
  const turn = inTurn();
  const guesses = inTurn();
  const closing = new AbortController();
  let passphrase: Secret | undefined;
  let opened: Opened | undefined;
  let forgets = 0;
  let guessers = 0;
  let wrong = 0;
  let tidied = false;

  const needsUnlock = () => locked(`${path} is locked by a passphrase: unlock it with \`tollgate keys unlock\``);

  const keyFor = async (bytes: Uint8Array | undefined): Promise<AgeKey> => {
    if (bytes !== undefined && wantsPassphrase(bytes)) {
      if (passphrase === undefined) throw needsUnlock();
      return { passphrase: passphrase.reveal() };
    }
    // The first write decides: with the passphrase that the store was set up with, else with an identity.
    if (bytes === undefined && passphrase !== undefined) return { passphrase: passphrase.reveal() };
    const found = await readIdentities(environment);
    if (found !== undefined) return { identities: found.identities };
    if (bytes !== undefined) throw unavailable(`the identity that opens ${path} is not there: put ${environment.home.ageIdentityFile} back from a backup, or delete ${path} and set the keys again`);
    const made = await makeIdentity(environment, age);
    onIdentity(made.file);
    return { identities: made.identities };
  };

  const decrypt = async (bytes: Uint8Array, key: AgeKey, thread = age): Promise<ReadonlyMap<string, string>> => {
    const result = await thread.run({ kind: 'decrypt', key, data: bytes });
    if (result.kind === 'decrypted') return readContent(result.text, path);
    if (result.kind === 'closed' && 'passphrase' in key) throw locked(`this passphrase does not open ${path}`);
    if (result.kind === 'closed') throw unavailable(`${path} was encrypted for another identity than the one at hand: put the right ${environment.home.ageIdentityFile} back, or delete ${path} and set the keys again`);
    throw unavailable(`${path} is damaged (${result.kind === 'damaged' ? result.why : result.kind}). Put it back from a backup, or delete it and set the keys again; until then it is not written to`);
  };

  /** What the file holds now: from memory while it has not changed. */
  const open = async (): Promise<Opened> => {
    if (!tidied) await removeLeftovers(path);
    tidied = true;
    const before = forgets;
    const stamp = await stampOf(path);
    if (opened?.stamp === stamp) return opened;
    const bytes = await readPrivateBytes(path, MAX_BYTES);
    const content = bytes === undefined ? new Map<string, string>() : await decrypt(bytes, await keyFor(bytes));
    const read: Opened = { stamp, content };
    if (before === forgets) opened = read;
    return read;
  };

  const save = async (content: ReadonlyMap<string, string>, key: AgeKey): Promise<void> => {
    const result = await age.run({ kind: 'encrypt', key, text: writeContent(content) });
    if (result.kind !== 'encrypted') throw unavailable(`${path} could not be encrypted; nothing was changed`);
    if (result.data.length > MAX_BYTES) throw unavailable(`${path} would become longer than ${MAX_BYTES} bytes, which cannot be read again; nothing was changed. Remove keys that are not needed first (tollgate keys rm)`);
    await ensurePrivateDir(dirname(path));
    // The next read is from the disk: whoever wipes another copy after a write can be sure of this one.
    opened = undefined;
    await writePrivateFile(path, result.data);
  };

  const change = async (alter: (content: Map<string, string>) => boolean): Promise<boolean> => {
    const content = new Map((await open()).content);
    if (!alter(content)) return false;
    await save(content, await keyFor(await readPrivateBytes(path, MAX_BYTES)));
    return true;
  };

  const inOrder = <T>(step: () => Promise<T>): Promise<T> =>
    turn(() =>
      step().catch((error: unknown) => {
        throw storeFailure(error);
      }),
    );

  /** Beside the store's turn. The passphrase counts only when its caller is still there, and nobody locked the store meanwhile. */
  const tryPassphrase = async (given: Secret, stamp: string, bytes: Uint8Array, { signal, isWanted }: StoreUnlock): Promise<void> => {
    const content = await decrypt(bytes, { passphrase: given.reveal() }, guessing).catch((error: unknown) => {
      const failure = storeFailure(error);
      if (failure.reason === 'KEYS_LOCKED') wrong++;
      throw failure;
    });
    wrong = 0;
    signal?.throwIfAborted();
    if (!isWanted()) throw locked('the keys were locked meanwhile: unlock them again with `tollgate keys unlock`');
    passphrase = given;
    // Of a file that has changed since, the stamp differs: it is read anew.
    opened = { stamp, content };
  };

  const setUp = async (given: Secret, { isAdmin, isWanted }: StoreUnlock): Promise<void> => {
    const { content } = await open();
    const accounts = [...content.keys()];
    const refuse = (description: string) => invalidRequest([{ field: 'passphrase', description }]);
    if (accounts.some((account) => !account.startsWith('@'))) throw refuse(`${path} is opened by its identity, not by a passphrase; leave it empty`);
    if (accounts.length > 0 && !isAdmin) throw refuse(`${path} holds secrets of the daemon: only a caller with the scope "admin" may set a passphrase up for it`);
    if (given.reveal().length < MIN_PASSPHRASE) throw refuse(`a new passphrase needs at least ${MIN_PASSPHRASE} characters`);
    await save(content, { passphrase: given.reveal() });
    if (isWanted()) passphrase = given;
  };

  const unlock = async (given: Secret, options: StoreUnlock): Promise<void> => {
    const { stamp, bytes } = await inOrder(async () => ({ stamp: await stampOf(path), bytes: await readPrivateBytes(path, MAX_BYTES) }));
    const guarded = bytes !== undefined && wantsPassphrase(bytes);
    if (given.reveal() !== '' && guarded) await tryPassphrase(given, stamp, bytes, options);
    else if (given.reveal() !== '') await inOrder(() => setUp(given, options));
    else if (guarded) throw needsUnlock();
    else await inOrder(open);
  };

  /** One guess after the other. One that is being tried is paid for by waiting, whether its caller still waits or not. */
  const inGuessOrder = (given: Secret, options: StoreUnlock): Promise<void> =>
    guesses(async () => {
      options.signal?.throwIfAborted();
      const before = wrong;
      try {
        await unlock(given, options);
      } catch (error) {
        if (wrong > before) await delay(Math.min(wrong * WRONG_STEP_MS, WRONG_MOST_MS), undefined, { ref: false, signal: closing.signal }).catch(() => {});
        throw error;
      }
    });

  const guess = async (given: Secret, options: StoreUnlock): Promise<void> => {
    const { signal } = options;
    signal?.throwIfAborted();
    if (guessers > MAX_WAITING_GUESSES) throw new Failure('DAEMON_OVERLOADED', 'too many others are unlocking the keys; try again in a moment', { retryAfterMs: 1000 });
    guessers++;
    const { promise: gone, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      await Promise.race([inGuessOrder(given, options), gone]);
    } finally {
      signal?.removeEventListener('abort', leave);
      guessers--;
    }
  };

  return {
    origin: 'encrypted-file',
    description: `the encrypted file ${path}`,
    read: (account) =>
      inOrder(async () => {
        const text = (await open()).content.get(account);
        return text === undefined ? undefined : new Secret(text);
      }),
    write: (account, secret) => inOrder(async () => void (await change((content) => content.set(account, secret.reveal()) === content))),
    remove: (account) => inOrder(() => change((content) => content.delete(account))),
    isLocked: () =>
      inOrder(async () => {
        const bytes = await readPrivateBytes(path, MAX_BYTES);
        if (bytes !== undefined && wantsPassphrase(bytes)) return passphrase === undefined;
        if (bytes !== undefined) await keyFor(bytes);
        return false;
      }),
    forget() {
      forgets++;
      passphrase = undefined;
      opened = undefined;
    },
    unlock: guess,
    async close() {
      closing.abort();
      await turn(async () => {});
      await age.close();
      await guessing.close();
    },
  };
}
