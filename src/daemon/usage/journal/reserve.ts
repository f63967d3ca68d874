import { randomBytes } from 'node:crypto';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../files/private-file.ts';

/** A file that holds room on the disk, so that running calls can still be settled when it is full. */
export interface Reserve {
  /** Makes it where it is not whole. Gives false when there is not twice its size, which leaves others some room. */
  make(): Promise<boolean>;
  /** Gives the room back to the disk. */
  release(): Promise<void>;
}

const PIECE_BYTES = 256 * 1024;

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/** Whether the system refused a write for lack of room. */
export const isNoSpace = (error: unknown): boolean => ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(codeOf(error)));

export function diskReserve(dir: string, bytes: number): Reserve {
  const path = join(dir, 'reserve');

  async function write(): Promise<void> {
    const handle = await open(path, 'w', 0o600);
    try {
      // Random, so that no file system makes it smaller than it looks.
      for (let left = bytes; left > 0; left -= PIECE_BYTES) await handle.writeFile(randomBytes(Math.min(left, PIECE_BYTES)));
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  async function release(): Promise<void> {
    await rm(path, { force: true });
    // Some file systems give room back only when that is written down.
    await syncDirectory(dir);
  }

  return {
    release,
    async make() {
      const held = await stat(path).catch(() => undefined);
      if (held?.size === bytes) return true;
      const { bavail, bsize } = await statfs(dir);
      if (bavail * bsize < 2 * bytes) return false;
      try {
        await write();
        return true;
      } catch (error) {
        await release();
        if (isNoSpace(error)) return false;
        throw error;
      }
    },
  };
}
