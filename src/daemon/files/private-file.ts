import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EXIT, StartError } from '../start-error.ts';
import { withBoundedFile } from './bounded-file.ts';
import { fileError } from './file-error.ts';

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** What most private files hold is short: a secret, a token, a line. */
const MAX_BYTES = 4096;

/**
 * Reads the bytes of a file that only its owner may read. Returns undefined when it is not there. Refuses links, other owners, open
 * modes and more than `maxBytes`.
 */
export async function readPrivateBytes(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await withBoundedFile(path, { maxBytes, flags: constants.O_NOFOLLOW }, async ({ stats, readBytes }) => {
      const uid = process.getuid?.();
      if (!stats.isFile()) throw new StartError(EXIT.DAMAGED, `${path} is not a file. Remove it and start again.`);
      if (uid !== undefined && stats.uid !== uid) throw new StartError(EXIT.DAMAGED, `${path} belongs to another user (uid ${stats.uid}). Remove it and start again.`);
      if ((stats.mode & 0o077) !== 0) throw new StartError(EXIT.DAMAGED, `${path} can be read by others, so what it holds is no secret any more. Delete it, or run: chmod 600 '${path}'`);
      const bytes = await readBytes();
      if (bytes === undefined) throw new StartError(EXIT.DAMAGED, `${path} is damaged: it is longer than ${maxBytes} bytes. Remove it and start again.`);
      return bytes;
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, path);
  }
}

/** The same, as text; at most 4 KiB unless more is allowed. */
export const readPrivateFile = async (path: string, maxBytes = MAX_BYTES): Promise<string | undefined> => (await readPrivateBytes(path, maxBytes))?.toString('utf8');

/** Makes what was created, renamed or removed in a directory last. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
    await handle.close();
    await rename(temporary, path);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/**
 * Writes a file that only its owner may read: whole or not at all, and on the disk when this returns. What stood there is replaced,
 * a link never followed. Throws a StartError that names the file when the system refuses.
 */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await replaceFile(path, content);
  } catch (error) {
    throw fileError(error, path);
  }
}

/** Removes what writes of this file left behind when their process was killed. Only for who alone writes it. */
export async function removeLeftovers(path: string): Promise<void> {
  const directory = dirname(path);
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(`${basename(path)}.`) && /\.[0-9a-f]{12}\.tmp$/.test(each))) {
    await rm(join(directory, name), { force: true });
  }
}
