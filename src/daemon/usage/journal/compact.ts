import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { syncDirectory } from '../../files/private-file.ts';
import { failpoint } from './failpoint.ts';
import { encodeLine, NO_HASH } from './line.ts';
import { segmentPath, temporaryPath, type Segment } from './segment-file.ts';
import { headerJson, type Base } from './segment-header.ts';

async function writeSegment(handle: FileHandle, header: string, json: string): Promise<number> {
  const first = encodeLine(header, 0, 0, NO_HASH);
  const second = encodeLine(json, first.line.end, 0, first.line.hash);
  await handle.writeFile(Buffer.concat([first.bytes, second.bytes]));
  await handle.datasync();
  return second.line.end;
}

async function writeTemporary(path: string, header: string, json: string): Promise<number> {
  const handle = await open(path, 'w', 0o600);
  try {
    return await writeSegment(handle, header, json);
  } finally {
    await handle.close();
  }
}

/**
 * Puts one record in the place of `replaced` and of all that is before it: either they or the record are there at every moment. The other
 * segments are still there when it returns, and are not needed any more.
 */
export async function writeRollup(dir: string, replaced: Segment, json: string, time: number): Promise<Segment> {
  const { segment, end, last } = replaced;
  const base: Base = { kind: 'rollup', covers: end, last };
  const temporary = temporaryPath(dir, segment);
  try {
    const bytes = await writeTemporary(temporary, headerJson({ segment, time, base }), json);
    failpoint('journal.rollup-written');
    await rename(temporary, segmentPath(dir, segment));
    failpoint('journal.rollup-renamed');
    return { segment, end, bytes, records: 1, newest: time, base, last };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes the segments that a ROLLUP stands for, once that is sure to last. */
export async function removeReplaced(dir: string, numbers: readonly number[]): Promise<void> {
  await syncDirectory(dir);
  failpoint('journal.rollup-synced');
  for (const number of numbers) {
    await rm(segmentPath(dir, number), { force: true });
    failpoint('journal.segment-removed');
  }
  if (numbers.length > 0) await syncDirectory(dir);
}
