import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, StartError } from '../start-error.ts';

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Reads a file that only its owner may read. Returns undefined when it is not there. Refuses links, other owners and open modes. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  let handle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new StartError(EXIT.DAMAGED, `${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  try {
    const stats = await handle.stat();
    const uid = process.getuid?.();
    if (!stats.isFile()) throw new StartError(EXIT.DAMAGED, `${path} is not a file. Remove it and start again.`);
    if (uid !== undefined && stats.uid !== uid) throw new StartError(EXIT.DAMAGED, `${path} belongs to another user (uid ${stats.uid}). Remove it and start again.`);
    if ((stats.mode & 0o077) !== 0) throw new StartError(EXIT.DAMAGED, `${path} can be read by others, so what it holds is no secret any more. Delete it, or run: chmod 600 '${path}'`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
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

/** Writes a file that only its owner may read: whole or not at all, and on the disk when this returns. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
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
