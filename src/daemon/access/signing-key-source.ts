import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { Failure } from '../failure.ts';
import { wipePrivateFile } from '../files/wipe-private-file.ts';
import { readPrivateFile } from '../files/private-file.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Logger } from '../logger.ts';
import { Secret } from '../secret.ts';
import { EXIT, StartError } from '../start-error.ts';

/** Less is guessed too easily: 256 bits. */
const MIN_BYTES = 32;

/** The name of the secret in the store of keys. */
const NAME = 'signing-secret';

/** The key that signs and verifies this home's tokens. */
export interface SigningKeySource {
  /** The key, when it was read already. */
  ready(): KeyObject | undefined;
  /** The key; undefined when this home has none yet. Throws KEYS_LOCKED, KEY_STORE_UNAVAILABLE. */
  find(): Promise<KeyObject | undefined>;
  /** The key, made when this home has none yet. Throws KEYS_LOCKED, KEY_STORE_UNAVAILABLE. */
  load(): Promise<KeyObject>;
  /**
   * Moves the secret of an earlier version out of its file into the store, where there is such a file. While that cannot be done, the
   * file goes on to be used: the log says why. `load` tries it too.
   */
  move(): Promise<void>;
}

export interface SigningKeyOptions {
  /** Where earlier versions kept the secret: `state/jwt-secret`. */
  readonly file: string;
  /** TOLLGATE_JWT_SECRET: used in place of the stored one, never written down. */
  readonly override: string | undefined;
  readonly store: Pick<KeyRing, 'readOwn' | 'writeOwn'>;
  readonly log: Logger;
}

/** The key of this launch: it lives in memory only. */
export const launchKey = (): KeyObject => createSecretKey(randomBytes(MIN_BYTES));

/** The key of a stored secret; undefined for a damaged one: decoding alone leaves out what is no base64url and takes a key of zeros. */
function keyOf(secret: string): KeyObject | undefined {
  if (!/^[A-Za-z0-9_-]{43,}$/.test(secret)) return undefined;
  const bytes = Buffer.from(secret, 'base64url');
  return bytes.every((byte) => byte === bytes[0]) ? undefined : createSecretKey(bytes);
}

function overridingKey(secret: string): KeyObject {
  const bytes = Buffer.from(secret, 'utf8');
  if (bytes.length < MIN_BYTES) throw new StartError(EXIT.DAMAGED, `TOLLGATE_JWT_SECRET has ${bytes.length} bytes; a secret needs at least ${MIN_BYTES}. Make one with: openssl rand -base64 32`);
  return createSecretKey(bytes);
}

/** Lets those who ask meanwhile wait for the work that runs. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= work().finally(() => (running = undefined)));
}

/** The secret that an earlier version left in its file. One that was overwritten but not removed was moved already. */
async function readFile(file: string): Promise<string | undefined> {
  const text = await readPrivateFile(file);
  if (text === undefined || !/^\0+$/.test(text)) return text?.trim();
  await wipePrivateFile(file);
  return undefined;
}

/**
 * Opens the source of the signing key. The store is not asked before the key is needed. Throws a StartError for a secret under 32 bytes
 * in TOLLGATE_JWT_SECRET, and for a damaged file of an earlier version.
 */
export async function openSigningKey({ file, override, store, log }: SigningKeyOptions): Promise<SigningKeySource> {
  if (override !== undefined) {
    const key = overridingKey(override);
    return { ready: () => key, find: async () => key, load: async () => key, move: async () => {} };
  }
  let inFile = await readFile(file);
  let key = inFile === undefined ? undefined : keyOf(inFile);
  if (inFile !== undefined && key === undefined) throw new StartError(EXIT.DAMAGED, `${file} is damaged: it does not hold ${MIN_BYTES} random bytes as base64url. Delete it and start again; tokens made before must be made anew.`);

  const readStored = async (): Promise<string | undefined> => (await store.readOwn(NAME))?.reveal();
  const writeStored = async (secret: string): Promise<void> => {
    await store.writeOwn(NAME, new Secret(secret));
    if ((await readStored()) !== secret) throw new Failure('KEY_STORE_UNAVAILABLE', 'the store of keys does not give back what was written to it; tollgate keys list names it');
  };

  const find = shared(async (): Promise<KeyObject | undefined> => {
    const stored = await readStored();
    if (stored === undefined) return undefined;
    const found = keyOf(stored);
    if (found === undefined) throw new Failure('KEY_STORE_UNAVAILABLE', `the secret "@${NAME}" in the store of keys is damaged: remove it there, and make all tokens anew`);
    return (key ??= found);
  });

  const move = shared(async (): Promise<void> => {
    const secret = inFile;
    if (secret === undefined) return;
    try {
      // The file was in force until now: what the store may hold is older.
      if ((await readStored()) !== secret) await writeStored(secret);
      await wipePrivateFile(file);
      inFile = undefined;
      log.info('the signing secret was moved into the store of keys');
    } catch (error) {
      log.warn({ err: error }, 'the signing secret stays in its file: it cannot be moved into the store of keys');
    }
  });

  const load = shared(async (): Promise<KeyObject> => {
    await move();
    const found = key ?? (await find());
    if (found !== undefined) return found;
    const fresh = randomBytes(MIN_BYTES);
    await writeStored(fresh.toString('base64url'));
    return (key = createSecretKey(fresh));
  });

  return { ready: () => key, find: async () => key ?? find(), load, move };
}
