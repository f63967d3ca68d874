import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, StartError } from '../start-error.ts';
import { withBoundedFile } from './bounded-file.ts';
import { fileError } from './file-error.ts';

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** What Tollgate keeps in private files is short: a secret, a token, a line. */
const MAX_BYTES = 4096;

/** Reads a file that only its owner may read. Returns undefined when it is not there. Refuses links, other owners, open modes and more than 4 KiB. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    return await withBoundedFile(path, { maxBytes: MAX_BYTES, flags: constants.O_NOFOLLOW }, async ({ stats, read }) => {
      const uid = process.getuid?.();
      if (!stats.isFile()) throw new StartError(EXIT.DAMAGED, `${path} is not a file. Remove it and start again.`);
      if (uid !== undefined && stats.uid !== uid) throw new StartError(EXIT.DAMAGED, `${path} belongs to another user (uid ${stats.uid}). Remove it and start again.`);
      if ((stats.mode & 0o077) !== 0) throw new StartError(EXIT.DAMAGED, `${path} can be read by others, so what it holds is no secret any more. Delete it, or run: chmod 600 '${path}'`);
      const text = await read();
      if (text === undefined) throw new StartError(EXIT.DAMAGED, `${path} is damaged: it is longer than ${MAX_BYTES} bytes. Remove it and start again.`);
      return text;
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, path);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text);
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
export async function writePrivateFile(path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text);
  } catch (error) {
    throw fileError(error, path);
  }
}
