import { findLines, isBeginningOfLine } from './line.ts';
import type { Fault } from './read-lines.ts';

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
/** More than the journal ever writes in one go: a longer stretch is not the trace of one write. */
export const MAX_TORN_BYTES = 4 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Whether sectors are missing: no record holds a NUL, and a sector that was never written holds nothing else. */
function hasHole(tail: Buffer, offset: number): boolean {
  for (let at = 0; at < tail.length;) {
    const end = Math.min(tail.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    if (tail.subarray(at, end).every((byte) => byte === 0)) return true;
    at = end;
  }
  return false;
}

/**
 * Whether what stands from a fault to the end of the newest segment can be a write that a crash cut short, of which nobody was told that it
 * is done. It is not when a record of a later write stands behind it, and not when it was changed rather than left incomplete.
 */
export function isTornTail(tail: Buffer, { offset, isWhole }: Fault): boolean {
  if (isWhole || tail.length > MAX_TORN_BYTES) return false;
  const behind = findLines(tail, offset);
  if (behind.some(({ batch }) => batch > offset)) return false;
  if (hasHole(tail, offset)) return true;
  return behind.length === 0 && !tail.includes(NEWLINE) && isBeginningOfLine(tail);
}
