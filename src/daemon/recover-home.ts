import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readEnvironment, type Home, type Variables } from '../environment.ts';
import { fileError } from './files/file-error.ts';
import { takeInstanceLock } from './files/instance-lock.ts';
import { ensurePrivateDir } from './files/private-dir.ts';
import { syncDirectory } from './files/private-file.ts';
import { StartError } from './start-error.ts';
import { putAside } from './usage/journal/prepare.ts';
import { recoverJournal, type Recovery } from './usage/journal/recover-journal.ts';

const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

async function recover({ stateDir }: Home): Promise<Recovery> {
  const journal = join(stateDir, 'journal');
  const recovery = (await isThere(journal)) ? await recoverJournal(journal) : { changed: false, kept: 0, lost: [], aside: [] };
  // It may know of records that the journal does not hold any more. It is made anew from the journal.
  const snapshot = join(stateDir, 'usage.json');
  if (!(await isThere(snapshot))) return recovery;
  const aside = await putAside(snapshot, Date.now());
  await syncDirectory(dirname(aside));
  return { ...recovery, aside: [...recovery.aside, aside] };
}

/**
 * Makes a damaged journal one that a daemon can start with; see `recoverJournal`. The snapshot of usage is put aside: the next start makes it
 * anew. Returns what was done, or why nothing was: a daemon holds this home, or a newer version wrote it.
 */
export async function recoverHome(variables: Variables): Promise<(Recovery & { readonly problem?: undefined }) | { readonly problem: string }> {
  const { home } = readEnvironment(variables);
  try {
    for (const path of [home.stateDir, home.runDir]) await ensurePrivateDir(path);
    const lock = await takeInstanceLock(home.lockFile);
    try {
      return await recover(home);
    } finally {
      lock.release();
    }
  } catch (error) {
    const told = fileError(error);
    if (told instanceof StartError) return { problem: told.message };
    throw told;
  }
}
