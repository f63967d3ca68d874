import type { FileHandle } from 'node:fs/promises';
import { damaged, missing, newer, unreadable } from './damage.ts';
import { HEAD_BYTES, jsonOf, NO_HASH, readLine, statedLength, type Line } from './line.ts';
import { parseRecord } from './parse-record.ts';
import { readLines, type Fault, type LineBlock } from './read-lines.ts';
import { listSegments, openSegment, readBytes, segmentPath, type Segment } from './segment-file.ts';
import { parseHeader, type SegmentHeader } from './segment-header.ts';
import { isTornTail, MAX_TORN_BYTES } from './torn-tail.ts';

/** What is left of a write that a crash cut short. */
export interface TornTail {
  readonly segment: number;
  /** Where it begins; 0 when nothing of the segment is whole. */
  readonly offset: number;
  readonly bytes: number;
}

/** A journal that was checked from its first to its last record. Nothing was changed yet. */
export interface Survey {
  /** From the one before which nothing is needed. */
  readonly segments: readonly Segment[];
  readonly torn: TornTail | undefined;
  /** Older segments, which a compaction or a recovery had no time to put away. */
  readonly leftovers: readonly number[];
  /** Names of files that never became segments. */
  readonly temporary: readonly string[];
}

interface Checked {
  readonly segment: Segment | undefined;
  readonly fault: Fault | undefined;
  readonly size: number;
}

/** More than a header ever has. */
const MAX_HEADER_BYTES = 4096;

/** Reads the header of a segment of whatever version; undefined when it is damaged. */
export async function readHeader(path: string): Promise<SegmentHeader | undefined> {
  const handle = await openSegment(path);
  try {
    const bytes = await readBytes(handle, 0, MAX_HEADER_BYTES);
    const length = bytes.length < HEAD_BYTES ? 0 : statedLength(bytes, 0);
    const line = length === 0 || length > bytes.length ? undefined : readLine(bytes, 0, length, 0);
    const header = line && parseHeader(jsonOf(bytes, line, 0));
    if (typeof header === 'number') throw newer(path, header);
    return header;
  } finally {
    await handle.close();
  }
}

function timeOfLast(path: string, block: LineBlock, line: Line): number {
  const { record, problem } = parseRecord(block.json(line));
  if (record === undefined) throw unreadable(path, line.end, problem);
  return record.time;
}

async function checkOpen(handle: FileHandle, path: string, { segment, time, base }: SegmentHeader, previous: string): Promise<Checked> {
  const { size } = await handle.stat();
  const blocks = readLines(handle, { size, previous });
  let count = 0;
  let block: LineBlock | undefined;
  let step = await blocks.next();
  for (; step.done !== true; step = await blocks.next()) {
    block = step.value;
    count += block.lines.length;
  }
  const line = block?.lines.at(-1);
  if (block === undefined || line === undefined) return { segment: undefined, fault: step.value, size };
  const isRollup = base?.kind === 'rollup';
  if (isRollup && count !== 2) return { segment: undefined, fault: { offset: line.end, what: 'not exactly one record, the ROLLUP', isWhole: true }, size };
  const newest = count === 1 ? undefined : isRollup ? time : timeOfLast(path, block, line);
  const state = isRollup ? { end: base.covers, last: base.last } : { end: line.end, last: line.hash };
  return { segment: { segment, bytes: line.end, records: count - 1, newest, base, ...state }, fault: step.value, size };
}

/** Whether the fault of the newest segment is a torn tail. */
async function tornTail(path: string, number: number, { segment, fault, size }: Checked): Promise<TornTail | undefined> {
  if (segment?.base?.kind === 'rollup') return undefined;
  const at = fault ?? { offset: 0, what: '', isWhole: false };
  const handle = await openSegment(path);
  try {
    const tail = await readBytes(handle, at.offset, Math.min(size - at.offset, MAX_TORN_BYTES + 1));
    return isTornTail(tail, at) ? { segment: number, offset: at.offset, bytes: size - at.offset } : undefined;
  } finally {
    await handle.close();
  }
}

async function check(path: string, number: number, header: SegmentHeader | undefined, previous: string): Promise<Checked> {
  const handle = await openSegment(path);
  try {
    if (header !== undefined && header.segment !== number) {
      return { segment: undefined, fault: { offset: 0, what: `the segment ${header.segment} under another name`, isWhole: true }, size: 0 };
    }
    return await checkOpen(handle, path, header ?? { segment: number, time: 0, base: undefined }, previous);
  } finally {
    await handle.close();
  }
}

/** The headers of all segments, before anything is done with any: a newer version's is refused first. */
async function readHeaders(dir: string, numbers: readonly number[]): Promise<Map<number, SegmentHeader | undefined>> {
  const headers = new Map<number, SegmentHeader | undefined>();
  for (const number of numbers) headers.set(number, await readHeader(segmentPath(dir, number)));
  return headers;
}

/**
 * Checks every record of the journal: its length, its checksum and that it continues the one before. Throws a StartError (78) for damage
 * that is no torn tail, for a missing segment and for a newer version's. Changes nothing.
 */
export async function survey(dir: string): Promise<Survey> {
  const { numbers, temporary } = await listSegments(dir);
  const headers = await readHeaders(dir, numbers);
  const [first = 1] = numbers;
  const base = numbers.findLast((number) => headers.get(number)?.base !== undefined);
  if (base === undefined && first > 1 && headers.get(first) !== undefined) throw missing(segmentPath(dir, first - 1));
  const from = base ?? first;
  const leftovers = numbers.filter((number) => number < from);
  const segments: Segment[] = [];
  for (const number of numbers.slice(leftovers.length)) {
    const path = segmentPath(dir, number);
    const before = segments.at(-1);
    if (before !== undefined && number !== before.segment + 1) throw missing(segmentPath(dir, before.segment + 1));
    const header = headers.get(number);
    const checked = await check(path, number, header, before?.last ?? NO_HASH);
    if (checked.segment !== undefined && header === undefined) throw damaged(path, 0, 'bytes that are no header of a segment');
    const isWhole = checked.segment !== undefined && checked.fault === undefined;
    // A first segment that never came to be leaves a journal that never began; a later one must have had one before it.
    const torn = isWhole || number !== numbers.at(-1) || (before === undefined && number > 1) ? undefined : await tornTail(path, number, checked);
    if (!isWhole && torn === undefined) throw damaged(path, checked.fault?.offset ?? 0, checked.fault?.what ?? 'the file is empty');
    if (checked.segment !== undefined) segments.push(checked.segment);
    if (torn !== undefined) return { segments, torn, leftovers, temporary };
  }
  return { segments, torn: undefined, leftovers, temporary };
}
