import type { FileHandle } from 'node:fs/promises';
import { HEAD_BYTES, jsonOf, readLine, statedLength, type Line } from './line.ts';

/** Where reading a segment had to stop. */
export interface Fault {
  readonly offset: number;
  readonly what: string;
  /** Whether the line itself is whole, and only not the one that belongs there. */
  readonly isWhole: boolean;
}

/** Whole lines that follow each other, read in one go. */
export interface LineBlock {
  readonly lines: readonly Line[];
  readonly json: (line: Line) => string;
}

export interface ReadOptions {
  /** How far to read. */
  readonly size: number;
  /** What the first line must continue; undefined is not known. */
  readonly previous: string | undefined;
}

/** What the next line must continue. */
interface Chain {
  readonly previous: string | undefined;
  readonly batch: number;
}

interface Scan {
  readonly lines: readonly Line[];
  readonly chain: Chain;
  /** How many bytes were taken, and how many the next line needs. */
  readonly taken: number;
  readonly wanted: number;
  readonly fault?: Fault;
}

/** Small enough that checking one block holds up nobody else. */
const BLOCK_BYTES = 256 * 1024;

/** Why this line cannot stand here, though it is whole. */
function misplaced(line: Line, { previous, batch }: Chain): string | undefined {
  if (previous !== undefined && line.previous !== previous) return 'a record that does not continue the one before it: records are missing, doubled or out of order';
  return line.batch === line.offset || line.batch === batch ? undefined : 'a record that was written to another place';
}

/** Takes the whole lines from a block that stands at `base` of a segment of this size. */
function scan(bytes: Buffer, base: number, size: number, chain: Chain): Scan {
  const lines: Line[] = [];
  const stop = (at: number, what: string, isWhole: boolean): Scan => ({ lines, chain, taken: at, wanted: 0, fault: { offset: base + at, what, isWhole } });
  let at = 0;
  while (bytes.length - at >= HEAD_BYTES) {
    const length = statedLength(bytes, at);
    if (length > size - base - at) return stop(at, 'a record whose end is missing', false);
    if (length > bytes.length - at) return { lines, chain, taken: at, wanted: length };
    const line = length === 0 ? undefined : readLine(bytes, at, length, base);
    if (line === undefined) return stop(at, 'bytes that are no whole record', false);
    const wrong = misplaced(line, chain);
    if (wrong !== undefined) return stop(at, wrong, true);
    lines.push(line);
    chain = { previous: line.hash, batch: line.batch };
    at += length;
  }
  return { lines, chain, taken: at, wanted: 0 };
}

/** Fills the rest of `bytes` from this place of the file. Returns whether there was enough. */
async function fill(handle: FileHandle, bytes: Buffer, from: number, position: number): Promise<boolean> {
  for (let filled = from; filled < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, position + filled - from);
    if (bytesRead === 0) return false;
    filled += bytesRead;
  }
  return true;
}

/** Reads a segment from its beginning and checks every line against the one before. Returns where it is damaged, if it is. */
export async function* readLines(handle: FileHandle, { size, previous }: ReadOptions): AsyncGenerator<LineBlock, Fault | undefined> {
  let rest = Buffer.alloc(0);
  let base = 0;
  let wanted = 0;
  let chain: Chain = { previous, batch: 0 };
  while (base + rest.length < size) {
    const bytes = Buffer.allocUnsafe(Math.min(Math.max(wanted, BLOCK_BYTES), size - base));
    rest.copy(bytes);
    if (!(await fill(handle, bytes, rest.length, base + rest.length))) return { offset: base, what: 'an end that was cut off just now', isWhole: true };
    const block = scan(bytes, base, size, chain);
    const start = base;
    if (block.lines.length > 0) yield { lines: block.lines, json: (line) => jsonOf(bytes, line, start) };
    if (block.fault !== undefined) return block.fault;
    ({ chain, wanted } = block);
    rest = bytes.subarray(block.taken);
    base += block.taken;
  }
  return rest.length > 0 ? { offset: base, what: 'a record whose end is missing', isWhole: false } : undefined;
}
