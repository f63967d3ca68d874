import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { readPrivateFile, writePrivateFile } from '../files/private-file.ts';
import { EXIT, StartError } from '../start-error.ts';

/** Less is guessed too easily: 256 bits. */
const MIN_BYTES = 32;

/** The bytes of a stored secret; undefined for a damaged one: decoding alone leaves out what is no base64url and takes a key of zeros. */
function secretOf(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9_-]{43,}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.every((byte) => byte === bytes[0]) ? undefined : bytes;
}

/** The key of this launch: it lives in memory only. */
export const launchKey = (): KeyObject => createSecretKey(randomBytes(MIN_BYTES));

/**
 * The key that signs tokens: from TOLLGATE_JWT_SECRET when it is set, else from `state/jwt-secret`, which the first start makes.
 * Throws a StartError for a secret under 32 bytes or a damaged file.
 */
export async function signingKey(file: string, override: string | undefined): Promise<KeyObject> {
  if (override !== undefined) {
    const bytes = Buffer.from(override, 'utf8');
    if (bytes.length < MIN_BYTES) throw new StartError(EXIT.DAMAGED, `TOLLGATE_JWT_SECRET has ${bytes.length} bytes; a secret needs at least ${MIN_BYTES}. Make one with: openssl rand -base64 32`);
    return createSecretKey(bytes);
  }
  const stored = await readPrivateFile(file);
  if (stored !== undefined) {
    const bytes = secretOf(stored.trim());
    if (bytes === undefined) throw new StartError(EXIT.DAMAGED, `${file} is damaged: it does not hold ${MIN_BYTES} random bytes as base64url. Delete it and start again; tokens made before must be made anew.`);
    return createSecretKey(bytes);
  }
  const fresh = randomBytes(MIN_BYTES);
  await writePrivateFile(file, `${fresh.toString('base64url')}\n`);
  return createSecretKey(fresh);
}
