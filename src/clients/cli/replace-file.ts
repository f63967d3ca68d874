import { type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError, exitCode } from './cli-error.ts';

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Writes a file's new content beside it, with its mode and owner. */
async function writeBeside(path: string, content: Buffer, like: { readonly mode: number; readonly uid: number; readonly gid: number }): Promise<string> {
  const fresh = `${path}.${process.pid}.tmp`;
  const file = await open(fresh, 'wx', 0o600);
  try {
    await file.writeFile(content);
    // Another group than one's own may not be given away.
    await file.chown(like.uid, like.gid).catch(() => undefined);
    await file.chmod(like.mode & 0o7777);
    await file.sync();
  } catch (error) {
    await unlink(fresh);
    throw error;
  } finally {
    await file.close();
  }
  return fresh;
}

/** Overwrites what the file held before, once no name leads to it any more. Returns whether it could. */
async function overwrite(old: FileHandle): Promise<boolean> {
  const { nlink, size } = await old.stat();
  if (nlink > 0) return false;
  await old.write(Buffer.alloc(size), 0, size, 0);
  await old.sync();
  return true;
}

/**
 * Changes a file at once or not at all; a symbolic link stays one. What it held before is overwritten as far as this machine lets us.
 * Returns false when another name of the same file still holds the old content. Throws a CliError when it belongs to somebody else or
 * changes meanwhile.
 */
export async function replaceFile(path: string, change: (bytes: Buffer) => Buffer): Promise<boolean> {
  const real = await realpath(path);
  const old = await open(real, 'r+');
  try {
    const before = await old.stat();
    if (process.getuid !== undefined && before.uid !== process.getuid()) throw new CliError(exitCode.refused, `${path} belongs to somebody else: it was left as it is.`);
    const bytes = await old.readFile();
    const changed = change(bytes);
    if (changed.equals(bytes)) return true;
    const fresh = await writeBeside(real, changed, before);
    const now = await stat(real);
    if (now.ino !== before.ino || now.mtimeMs !== before.mtimeMs) {
      await unlink(fresh);
      throw new CliError(exitCode.refused, `${path} changed at this moment: it was left as it is. Run this again.`);
    }
    await rename(fresh, real);
    await syncFolder(dirname(real));
    return await overwrite(old);
  } finally {
    await old.close();
  }
}
