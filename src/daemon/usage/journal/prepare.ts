import { constants } from 'node:fs';
import { rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensurePrivateDir } from '../../files/private-dir.ts';
import { syncDirectory } from '../../files/private-file.ts';
import type { Logger } from '../../logger.ts';
import { removeReplaced } from './compact.ts';
import { failpoint } from './failpoint.ts';
import { openSegment, segmentName, segmentPath, type Segment } from './segment-file.ts';
import { survey, type Survey, type TornTail } from './survey.ts';

export type JournalLog = Pick<Logger, 'info' | 'warn' | 'error'>;

/** A journal that is whole again. */
export interface Prepared {
  readonly segments: Segment[];
  /** The newest segment, when it takes more records. */
  readonly handle: FileHandle | undefined;
}

/** Puts a file aside under a name that says when, and never over another. */
export async function putAside(path: string, time: number): Promise<string> {
  const aside = `${path}.corrupt-${new Date(time).toISOString().replaceAll(':', '-')}`;
  await rename(path, aside);
  return aside;
}

async function cutTail(dir: string, { segment, offset, bytes }: TornTail, log: JournalLog): Promise<void> {
  const path = segmentPath(dir, segment);
  if (offset === 0) {
    await rm(path);
  } else {
    const handle = await openSegment(path, constants.O_RDWR);
    try {
      await handle.truncate(offset);
      failpoint('journal.tail-cut');
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  await syncDirectory(dir);
  log.warn({ segment: segmentName(segment), offset, bytes }, 'the journal ended in a record that was never written whole: it was cut off. Nothing that was acknowledged is lost.');
}

/** Ends what a compaction, or `tollgate recover`, had no time to end. */
async function putAway(dir: string, { segments, leftovers, temporary }: Survey, time: number): Promise<void> {
  for (const name of temporary) await rm(join(dir, name), { force: true });
  if (leftovers.length === 0) return;
  if (segments[0]?.base?.kind === 'rollup') return removeReplaced(dir, leftovers);
  for (const number of leftovers) await putAside(segmentPath(dir, number), time);
  await syncDirectory(dir);
}

/** A directory that is new lasts once it, and what it is in, were written down. */
async function syncPath(dir: string): Promise<void> {
  await syncDirectory(dir);
  for (const parent of [dirname(dir), dirname(dirname(dir))]) await syncDirectory(parent).catch(() => {});
}

/** What a crash left in the page cache becomes part of the truth only when it is on the disk. */
async function openNewest(dir: string, newest: Segment | undefined): Promise<FileHandle | undefined> {
  if (newest === undefined || newest.base?.kind === 'rollup') return undefined;
  const handle = await openSegment(segmentPath(dir, newest.segment), constants.O_RDWR);
  try {
    await handle.datasync();
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Checks the journal in a directory and ends what a crash left unended. Throws a StartError for damage, before anything is changed. */
export async function prepareJournal(dir: string, log: JournalLog, time: number): Promise<Prepared> {
  await ensurePrivateDir(dir);
  const found = await survey(dir);
  if (found.torn !== undefined) await cutTail(dir, found.torn, log);
  await putAway(dir, found, time);
  const segments = [...found.segments];
  if (segments.length === 0) await syncPath(dir);
  return { segments, handle: await openNewest(dir, segments.at(-1)) };
}
