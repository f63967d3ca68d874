import type { FileHandle } from 'node:fs/promises';
import type { JournalPosition, JournalRecord } from '../journal-record.ts';
import { damaged, refusedFile, unknownPosition, unreadable } from './damage.ts';
import { NO_HASH } from './line.ts';
import { parseRecord } from './parse-record.ts';
import { readLines } from './read-lines.ts';
import { openSegment, segmentPath, type Segment } from './segment-file.ts';

export interface Replayed {
  readonly record: JournalRecord;
  readonly position: JournalPosition;
}

/** A segment as it was when the replay began; what compaction does to it later is not seen. */
interface Part {
  readonly segment: Segment;
  readonly path: string;
  readonly handle: FileHandle;
}

export interface ReplayPlan {
  readonly parts: readonly Part[];
  /** How much of the first part was read before. */
  readonly skip: number;
  readonly dir: string;
}

/** Where to begin. A position that a ROLLUP stands for begins with that ROLLUP. */
function findStart(dir: string, segments: readonly Segment[], after: JournalPosition): { readonly index: number; readonly skip: number } {
  const [first] = segments;
  if (first === undefined) throw unknownPosition(dir, after);
  const index = after.segment - first.segment;
  const isRollup = first.base?.kind === 'rollup';
  if (isRollup && (index < 0 || (index === 0 && after.offset < first.end))) return { index: 0, skip: 0 };
  const segment = segments[index];
  if (segment === undefined || after.offset > segment.end) throw unknownPosition(dir, after);
  return isRollup && index === 0 ? { index: 1, skip: 0 } : { index, skip: after.offset };
}

/** Opens what is to be replayed. No compaction may run meanwhile. */
export async function planReplay(dir: string, segments: readonly Segment[], after: JournalPosition | undefined): Promise<ReplayPlan> {
  const { index, skip } = after === undefined ? { index: 0, skip: 0 } : findStart(dir, segments, after);
  const parts: Part[] = [];
  try {
    for (const segment of segments.slice(index)) {
      const path = segmentPath(dir, segment.segment);
      parts.push({ segment, path, handle: await openSegment(path) });
    }
  } catch (error) {
    await Promise.all(parts.map(({ handle }) => handle.close()));
    throw refusedFile(error, dir);
  }
  return { parts, skip, dir };
}

/** Reads the records, in order, once it is asked for the first. Closes what was opened. Throws a StartError for damage. */
export async function* replay(plan: () => Promise<ReplayPlan>): AsyncGenerator<Replayed, void> {
  const { parts, skip, dir } = await plan();
  try {
    let previous = parts[0]?.segment.base === undefined ? undefined : NO_HASH;
    for (const [index, { segment: { segment, bytes, end, base, last }, path, handle }] of parts.entries()) {
      const isRollup = base?.kind === 'rollup';
      const wanted = index === 0 ? skip : 0;
      let at = 0;
      let hash = last;
      const blocks = readLines(handle, { size: bytes, previous });
      let step = await blocks.next();
      for (; step.done !== true; step = await blocks.next()) {
        const { lines, json } = step.value;
        for (const line of lines) {
          if (line.end > wanted && line.offset < wanted) throw unknownPosition(dir, { segment, offset: wanted });
          at = line.end;
          if (!isRollup) hash = line.hash;
          if (line.offset === 0 || line.end <= wanted) continue;
          const { record, problem } = parseRecord(json(line));
          if (record === undefined) throw unreadable(path, line.end, problem);
          yield { record, position: { segment, offset: isRollup ? end : line.end } };
        }
      }
      if (step.value !== undefined || at !== bytes) throw damaged(path, step.value?.offset ?? at, step.value?.what ?? 'records are missing');
      if (hash !== last) throw damaged(path, at, 'another record than the one that was written');
      previous = last;
    }
  } finally {
    await Promise.all(parts.map(({ handle }) => handle.close()));
  }
}
