import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * A line of a segment: `length crc batch previous json\n`, all but the JSON in lower-case hexadecimal of fixed width.
 * `length` is that of the JSON in bytes. `crc` is the CRC-32 of all that follows it. `batch` is the offset at which the write began that
 * put the line here: whatever stands before it was on the disk by then. `previous` is the hash of the line before.
 */
export interface Line {
  /** Of its first byte, in the segment. */
  readonly offset: number;
  /** Of the first byte behind it. */
  readonly end: number;
  readonly batch: number;
  /** The hash of the line before it. */
  readonly previous: string;
  /** The line's own. */
  readonly hash: string;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const CRC_AT = 9;
const BATCH_AT = 18;
const PREVIOUS_AT = 27;
const HASH_CHARS = 16;
/** What stands before the JSON. */
export const HEAD_BYTES = 44;
const SPACES = [CRC_AT - 1, BATCH_AT - 1, PREVIOUS_AT - 1, HEAD_BYTES - 1];

/** No record is longer, and nothing in a file makes a reader take more memory. */
export const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** What the first line of a journal continues. */
export const NO_HASH = '0'.repeat(HASH_CHARS);

const hex8 = (value: number): string => value.toString(16).padStart(8, '0');

const hashOf = (bytes: Buffer): string => hash('sha256', bytes, 'hex').slice(0, HASH_CHARS);

/** A digit's value; -1 for what is none. Upper case is none: a line can be written in one way only. */
function digit(code: number | undefined): number {
  if (code === undefined) return -1;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}

function readHex8(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = at; index < at + 8; index++) {
    const next = digit(bytes[index]);
    if (next === -1) return -1;
    value = value * 16 + next;
  }
  return value;
}

/** Writes a line. `offset` is where it will stand. */
export function encodeLine(json: string, offset: number, batch: number, previous: string): { readonly bytes: Buffer; readonly line: Line } {
  const length = Buffer.byteLength(json);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + length + 1);
  bytes.write(`${hex8(batch)} ${previous} ${json}\n`, BATCH_AT);
  bytes.write(`${hex8(length)} ${hex8(crc32(bytes.subarray(BATCH_AT, -1)))} `, 0);
  return { bytes, line: { offset, end: offset + bytes.length, batch, previous, hash: hashOf(bytes.subarray(0, -1)) } };
}

/** How many bytes the line at `at` has, as it says itself; 0 when what stands there is no line's head. Needs HEAD_BYTES bytes. */
export function statedLength(bytes: Buffer, at: number): number {
  if (SPACES.some((space) => bytes[at + space] !== SPACE)) return 0;
  const length = readHex8(bytes, at);
  return length < 0 || length > MAX_JSON_BYTES ? 0 : HEAD_BYTES + length + 1;
}

/** Reads the line at `at`, whose stated length is there whole. `base` is the offset of the first of `bytes`. Undefined when it is damaged. */
export function readLine(bytes: Buffer, at: number, length: number, base: number): Line | undefined {
  const last = at + length - 1;
  if (bytes[last] !== NEWLINE || readHex8(bytes, at + CRC_AT) !== crc32(bytes.subarray(at + BATCH_AT, last))) return undefined;
  const batch = readHex8(bytes, at + BATCH_AT);
  if (batch === -1) return undefined;
  const previous = bytes.toString('latin1', at + PREVIOUS_AT, at + PREVIOUS_AT + HASH_CHARS);
  return { offset: base + at, end: base + last + 1, batch, previous, hash: hashOf(bytes.subarray(at, last)) };
}

/** The JSON of a line; `base` as for `readLine`. */
export const jsonOf = (bytes: Buffer, line: Line, base: number): string => bytes.toString('utf8', line.offset - base + HEAD_BYTES, line.end - base - 1);

/** Whether these bytes can be the beginning of a line whose end is missing. */
export function isBeginningOfLine(bytes: Buffer): boolean {
  const wellFormed = [...bytes.subarray(0, HEAD_BYTES)].every((code, index) => (SPACES.includes(index) ? code === SPACE : digit(code) !== -1));
  return wellFormed && (bytes.length < HEAD_BYTES || statedLength(bytes, 0) > bytes.length);
}

/** Finds every whole line in bytes of which some are damaged, whatever stands between. `base` is the offset of the first of them. */
export function findLines(bytes: Buffer, base: number): Line[] {
  const lines: Line[] = [];
  for (let at = 0; at + HEAD_BYTES < bytes.length;) {
    const length = statedLength(bytes, at);
    const line = length > 0 && at + length <= bytes.length ? readLine(bytes, at, length, base) : undefined;
    if (line !== undefined) lines.push(line);
    at += line === undefined ? 1 : length;
  }
  return lines;
}
