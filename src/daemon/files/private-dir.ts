import { chmod, lstat, mkdir } from 'node:fs/promises';
import { EXIT, StartError } from '../start-error.ts';

/**
 * Makes sure that a directory is there, is ours and nobody else's: mode 0700. Refuses a symbolic link and a directory of another
 * user, which somebody may have put in the way.
 */
export async function ensurePrivateDir(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const stats = await lstat(path);
  if (!stats.isDirectory()) throw new StartError(EXIT.DAMAGED, `${path} is not a directory of its own (a symbolic link is not followed). Remove it and start again.`);
  const uid = process.getuid?.();
  if (uid !== undefined && stats.uid !== uid) throw new StartError(EXIT.DAMAGED, `${path} belongs to another user (uid ${stats.uid}). Remove it, or choose another place with TOLLGATE_HOME.`);
  if ((stats.mode & 0o077) !== 0) await chmod(path, 0o700);
}
