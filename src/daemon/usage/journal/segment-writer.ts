import { constants, fstatSync, writeSync } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { syncDirectory } from '../../files/private-file.ts';
import type { JournalPosition } from '../journal-record.ts';
import { failpoint } from './failpoint.ts';
import { encodeLine, NO_HASH, type Line } from './line.ts';
import { readLines } from './read-lines.ts';
import { isNoSpace } from './reserve.ts';
import { openSegment, segmentPath, type Segment } from './segment-file.ts';
import { headerJson } from './segment-header.ts';

export interface WritableRecord {
  readonly json: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Why records are not on the disk. */
export class WriteFailed extends Error {
  /** Whether there is only no room: the file is as it was before. Else nobody knows what it holds, and `reopen` must find out. */
  readonly isFull: boolean;

  constructor(message: string, isFull: boolean, cause: unknown) {
    super(message, { cause });
    this.name = 'WriteFailed';
    this.isFull = isFull;
  }
}

/** Writes the newest segment. One call at a time. */
export interface SegmentWriter {
  /** Writes records with one write and one sync; none begins a segment. On the disk when it resolves. Throws a WriteFailed. */
  readonly write: (records: readonly WritableRecord[]) => Promise<readonly JournalPosition[]>;
  /** Lets the next record begin a segment. Returns the end of the last record; undefined when there is none. */
  readonly seal: () => Promise<JournalPosition | undefined>;
  /** After a WriteFailed that was not for lack of room: checks what the disk holds, takes back what was not acknowledged, and begins a segment. */
  readonly reopen: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface SegmentWriterOptions {
  readonly dir: string;
  readonly segmentBytes: number;
  readonly clock: () => number;
  /** What there is, oldest first. Kept up to date. */
  readonly segments: Segment[];
  /** The newest of them, when it takes more records. */
  readonly handle: FileHandle | undefined;
}

/** A write that may have to be done in pieces. It ends in the system's memory, where a thread of its own would take many times as long; the disk is waited for by `sync`. */
function writeAll({ fd }: FileHandle, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    const written = writeSync(fd, bytes, done, bytes.length - done, position + done);
    if (written === 0) throw new Error('the system wrote nothing');
    done += written;
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The lines of one write, which begins at `offset`. */
function encode(texts: readonly string[], offset: number, previous: string): { readonly bytes: Buffer; readonly lines: readonly Line[] } {
  const pieces: Buffer[] = [];
  const lines: Line[] = [];
  let [at, before] = [offset, previous];
  for (const text of texts) {
    const { bytes, line } = encodeLine(text, at, offset, before);
    pieces.push(bytes);
    lines.push(line);
    [at, before] = [line.end, line.hash];
  }
  return { bytes: Buffer.concat(pieces), lines };
}

export function segmentWriter({ dir, segmentBytes, clock, segments, handle: opened }: SegmentWriterOptions): SegmentWriter {
  let handle = opened;

  /** Undoes a write that failed. */
  async function takeBack(target: FileHandle, path: string, offset: number): Promise<void> {
    if (target === handle) await target.truncate(offset);
    else await rm(path);
  }

  async function fill(target: FileHandle, path: string, bytes: Buffer, offset: number): Promise<void> {
    try {
      writeAll(target, bytes, offset);
    } catch (error) {
      const message = `${path} cannot be written: ${reasonOf(error)}`;
      if (!isNoSpace(error)) throw new WriteFailed(message, false, error);
      await takeBack(target, path, offset).catch((worse: unknown) => {
        throw new WriteFailed(message, false, worse);
      });
      throw new WriteFailed(message, true, error);
    }
  }

  async function sync(target: FileHandle, path: string): Promise<void> {
    try {
      await target.datasync();
      if (target !== handle) {
        failpoint('journal.segment-created');
        await syncDirectory(dir);
      }
    } catch (error) {
      throw new WriteFailed(`${path} cannot be synced: ${reasonOf(error)}`, false, error);
    }
    // What is written to a file that somebody has removed is gone when we are.
    if (fstatSync(target.fd).nlink === 0) throw new WriteFailed(`${path} was removed while it was in use`, false, undefined);
  }

  async function create(path: string): Promise<FileHandle> {
    try {
      return await open(path, 'wx', 0o600);
    } catch (error) {
      throw new WriteFailed(`${path} cannot be made: ${reasonOf(error)}`, isNoSpace(error), error);
    }
  }

  /** The newest segment when it takes more records. */
  const current = (): Segment | undefined => (handle === undefined ? undefined : segments.at(-1));

  async function write(records: readonly WritableRecord[]): Promise<readonly JournalPosition[]> {
    const before = segments.at(-1);
    const going = current();
    const grown = going !== undefined && going.bytes < segmentBytes ? going : undefined;
    const segment = grown?.segment ?? (before?.segment ?? 0) + 1;
    const base = before === undefined ? ({ kind: 'new' } as const) : undefined;
    const header = grown === undefined ? [headerJson({ segment, time: clock(), base })] : [];
    const offset = grown?.bytes ?? 0;
    const { bytes, lines } = encode([...header, ...records.map(({ json }) => json)], offset, before?.last ?? NO_HASH);
    const path = segmentPath(dir, segment);
    failpoint('journal.before-write');
    const target = grown === undefined || handle === undefined ? await create(path) : handle;
    try {
      await fill(target, path, bytes, offset);
      failpoint('journal.after-write');
      await sync(target, path);
      failpoint('journal.after-sync');
    } catch (error) {
      if (target !== handle) await target.close().catch(() => {});
      throw error;
    }

    const end = offset + bytes.length;
    const state = { end, bytes: end, records: (grown?.records ?? 0) + records.length, newest: records.at(-1)?.time ?? grown?.newest, last: lines.at(-1)?.hash ?? NO_HASH };
    if (grown === undefined) segments.push({ segment, base, ...state });
    else segments[segments.length - 1] = { ...grown, ...state };
    const sealed = handle;
    handle = target;
    if (sealed !== target) await sealed?.close();
    return lines.slice(header.length).map((line) => ({ segment, offset: line.end }));
  }

  /** Reads the newest segment again, up to what was acknowledged, and takes back what is behind it. */
  async function check({ segment, bytes, last, base }: Segment): Promise<void> {
    const path = segmentPath(dir, segment);
    const target = await openSegment(path, constants.O_RDWR);
    try {
      let hash: string | undefined;
      const blocks = readLines(target, { size: bytes, previous: undefined });
      let step = await blocks.next();
      for (; step.done !== true; step = await blocks.next()) hash = step.value.lines.at(-1)?.hash;
      if (step.value !== undefined || (hash !== last && base?.kind !== 'rollup')) throw new Error(`${path} does not hold what was written to it: ${step.value?.what ?? 'another end'}`);
      if ((await target.stat()).size > bytes) await target.truncate(bytes);
      await target.sync();
    } finally {
      await target.close();
    }
  }

  return {
    write,
    async seal() {
      if (current()?.records !== 0) {
        await handle?.close();
        handle = undefined;
      }
      const sealed = segments.findLast(({ records }) => records > 0);
      return sealed && { segment: sealed.segment, offset: sealed.end };
    },
    async reopen() {
      const broken = handle;
      handle = undefined;
      await broken?.close().catch(() => {});
      const newest = segments.at(-1);
      if (newest !== undefined) await check(newest);
      // What a write that failed may have begun: nobody was told of anything in it.
      await rm(segmentPath(dir, (newest?.segment ?? 0) + 1), { force: true });
      await write([]);
    },
    async close() {
      await handle?.close();
      handle = undefined;
    },
  };
}
