import { rename, rm } from 'node:fs/promises';
import { syncDirectory } from '../../files/private-file.ts';
import { EXIT, StartError } from '../../start-error.ts';
import { failpoint } from './failpoint.ts';
import { putAside } from './prepare.ts';
import { openRecoveryWriter, type RecoveryWriter } from './recovery-writer.ts';
import { planReplay, replay } from './replay.ts';
import { salvage, type Loss, type Salvage } from './salvage.ts';
import { listSegments, segmentPath, temporaryPath } from './segment-file.ts';
import { readHeader, survey } from './survey.ts';

/** What `recoverJournal` did. */
export interface Recovery {
  /** False when every record was whole: then nothing was touched. */
  readonly changed: boolean;
  /** How many records the journal holds now. */
  readonly kept: number;
  /** The places where something is gone, in order. */
  readonly lost: readonly Loss[];
  /** The damaged files, under the names that they have now. */
  readonly aside: readonly string[];
}

/** How many records there are when the journal is whole; undefined when it is not. */
async function countWhole(dir: string): Promise<number | undefined> {
  try {
    const { segments } = await survey(dir);
    let count = 0;
    const records = replay(() => planReplay(dir, segments, undefined));
    while ((await records.next()).done !== true) count++;
    return count;
  } catch (error) {
    if (error instanceof StartError && error.exitCode === EXIT.DAMAGED) return undefined;
    throw error;
  }
}

const standsAlone = ({ base, records }: Salvage): boolean => base !== undefined && (base.kind !== 'rollup' || (records.length === 1 && records[0]?.type === 'ROLLUP'));

/** The segments to read. A ROLLUP that is damaged stands for nothing, and what it stood for may still be there. */
async function neededSegments(dir: string, numbers: readonly number[]): Promise<readonly number[]> {
  let from = 0;
  for (const [index, number] of numbers.entries()) {
    const header = await readHeader(segmentPath(dir, number));
    if (header?.base !== undefined && standsAlone(await salvage(dir, number, new Set()))) from = index;
  }
  return numbers.slice(from);
}

/** What is wrong between two segments that follow each other in the directory. */
function gapBefore(number: number, before: number | undefined, { base, previous }: Salvage, expected: string | undefined): string | undefined {
  if (base !== undefined) return undefined;
  if (before === undefined ? number > 1 : number > before + 1) return 'the segments before this one are missing';
  return expected !== undefined && previous !== undefined && previous !== expected ? 'it does not continue the segment before it' : undefined;
}

/** Copies every whole record, segment by segment. Returns what is lost, and which segments are damaged. */
async function copyWhole(dir: string, numbers: readonly number[], writer: RecoveryWriter): Promise<{ kept: number; lost: Loss[]; damaged: Set<number> }> {
  const seen = new Set<string>();
  const damaged = new Set<number>();
  let lost: Loss[] = [];
  let kept = 0;
  let expected: string | undefined;
  let before: number | undefined;
  let newest: number | undefined;
  for (const number of numbers) {
    const saved = await salvage(dir, number, seen);
    const gap = gapBefore(number, before, saved, expected);
    const first = saved.records[0]?.time;
    lost = lost.map((loss) => ({ ...loss, before: loss.before ?? first }));
    if (gap !== undefined) lost.push({ path: segmentPath(dir, number), offset: 0, bytes: 0, what: gap, after: newest, before: first });
    for (const loss of saved.lost) lost.push({ ...loss, after: loss.after ?? newest });
    if (saved.lost.length > 0) damaged.add(number);
    for (const { json } of saved.records) await writer.add(json);
    kept += saved.records.length;
    [expected, before, newest] = [saved.last, number, saved.records.at(-1)?.time ?? newest];
  }
  return { kept, lost, damaged };
}

async function clearAway(dir: string, numbers: readonly number[], damaged: ReadonlySet<number>, time: number): Promise<string[]> {
  const aside: string[] = [];
  for (const number of numbers) {
    const path = segmentPath(dir, number);
    if (damaged.has(number)) aside.push(await putAside(path, time));
    else await rm(path);
    failpoint('journal.recovery-aside');
  }
  await syncDirectory(dir);
  return aside;
}

/**
 * Makes a damaged journal one that can be opened: a fresh segment with every record that is whole, in order. Damaged segments are put aside as
 * `<name>.corrupt-<time>`; the others are in the fresh one. The old files or the fresh one are there at every moment. Does nothing when all is whole.
 * Nobody may have the journal open. Throws a StartError for a newer version's, and the system's errors.
 */
export async function recoverJournal(dir: string, clock: () => number = Date.now): Promise<Recovery> {
  const whole = await countWhole(dir);
  if (whole !== undefined) return { changed: false, kept: whole, lost: [], aside: [] };
  const time = clock();
  const { numbers } = await listSegments(dir);
  const needed = await neededSegments(dir, numbers);
  const fresh = (numbers.at(-1) ?? 0) + 1;
  const temporary = temporaryPath(dir, fresh);
  const writer = await openRecoveryWriter(temporary, fresh, time);
  try {
    const { kept, lost, damaged } = await copyWhole(dir, needed, writer);
    await writer.finish();
    failpoint('journal.recovery-written');
    await rename(temporary, segmentPath(dir, fresh));
    await syncDirectory(dir);
    failpoint('journal.recovery-renamed');
    return { changed: true, kept, lost, aside: await clearAway(dir, numbers, damaged, time) };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await writer.close();
  }
}
