import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { withBoundedFile } from '../files/bounded-file.ts';
import { ConfigError } from './config-error.ts';

export const MAX_CONFIG_BYTES = 1024 * 1024;
const STICKY = 0o1000;

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** What is wrong when somebody else could write here: whoever writes the config sends the keys to an address of their own. */
function othersWrite(path: string, stats: Stats): string | undefined {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined;
  if (stats.uid !== uid && stats.uid !== 0) return `${path} belongs to another user (uid ${stats.uid}), who could send your keys elsewhere. Make it yours, or name another file with TOLLGATE_CONFIG`;
  const guarded = stats.isDirectory() && (stats.mode & STICKY) !== 0;
  // Where every user has a group of their own, files are made writable for that group: it holds nobody else.
  const open = stats.gid === process.getgid?.() && uid !== 0 ? 0o002 : 0o022;
  return (stats.mode & open) !== 0 && !guarded ? `others may write to ${path} and send your keys elsewhere. Run: chmod go-w '${path}'` : undefined;
}

/** Both directories of a linked file: the link's own, and that of what it points to. */
async function directoryIssue(file: string): Promise<string | undefined> {
  for (const directory of new Set([dirname(file), dirname(await realpath(file))])) {
    const issue = othersWrite(directory, await stat(directory));
    if (issue !== undefined) return issue;
  }
  return undefined;
}

/**
 * The text of the config file, links followed; undefined when there is none. Throws a ConfigError for what is no file, is longer than
 * 1 MiB, or can be written by others, itself or in its directory.
 */
export async function readConfigFile(file: string): Promise<string | undefined> {
  const refuse = (message: string): ConfigError => new ConfigError(file, [{ path: '', message }]);
  try {
    return await withBoundedFile(file, { maxBytes: MAX_CONFIG_BYTES }, async ({ stats, read }) => {
      if (!stats.isFile()) throw refuse('this is not a file. Remove it, or name another file with TOLLGATE_CONFIG');
      const issue = othersWrite(file, stats) ?? (await directoryIssue(file));
      if (issue !== undefined) throw refuse(issue);
      const text = await read();
      if (text === undefined) throw refuse(`the file is longer than ${MAX_CONFIG_BYTES} bytes; write less`);
      return text;
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof ConfigError) throw error;
    throw refuse(`the file cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
