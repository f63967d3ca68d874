import { constants } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, StartError } from '../../start-error.ts';
import type { Base } from './segment-header.ts';

/** What is known of a segment whose records were checked, or written by us. */
export interface Segment {
  readonly segment: number;
  /** The first byte behind its last record, as positions count: what a ROLLUP stands for ends where that ended. */
  readonly end: number;
  /** Of the file. */
  readonly bytes: number;
  /** Without its header. */
  readonly records: number;
  /** The time of its last record, in milliseconds since 1970; undefined when it has none. */
  readonly newest: number | undefined;
  readonly base: Base | undefined;
  /** What the next segment continues. */
  readonly last: string;
}

const NAME = /^(\d{8})\.jsonl$/;
const TEMPORARY = /^\d{8}\.jsonl\.tmp$/;

export const segmentName = (segment: number): string => `${String(segment).padStart(8, '0')}.jsonl`;
export const segmentPath = (dir: string, segment: number): string => join(dir, segmentName(segment));
export const temporaryPath = (dir: string, segment: number): string => `${segmentPath(dir, segment)}.tmp`;

/** The numbers of the segments, in order, and the names of files that were about to become one. */
export async function listSegments(dir: string): Promise<{ readonly numbers: readonly number[]; readonly temporary: readonly string[] }> {
  const names = await readdir(dir);
  const numbers = names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
  return { numbers: numbers.sort((a, b) => a - b), temporary: names.filter((name) => TEMPORARY.test(name)) };
}

/** Opens a segment, and nothing that somebody put in its place. */
export async function openSegment(path: string, flags: number = constants.O_RDONLY): Promise<FileHandle> {
  const handle = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new StartError(EXIT.DAMAGED, `${path} is not a file. Remove it and start again.`);
}

/** Reads that many bytes from a place of a segment, or what there is. */
export async function readBytes(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  for (let read = 1; read > 0 && filled < length; filled += read) read = (await handle.read(bytes, filled, length - filled, position + filled)).bytesRead;
  return bytes.subarray(0, filled);
}
