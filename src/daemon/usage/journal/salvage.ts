import { unreadable } from './damage.ts';
import { findLines, jsonOf, type Line } from './line.ts';
import { parseRecord } from './parse-record.ts';
import { openSegment, readBytes, segmentPath } from './segment-file.ts';
import { parseHeader, type Base } from './segment-header.ts';

/** A place where records are gone, or may be. */
export interface Loss {
  readonly path: string;
  readonly offset: number;
  /** How many bytes are not used; 0 when what is gone was not in the file any more. */
  readonly bytes: number;
  readonly what: string;
  /** The times of the records before and behind, in milliseconds since 1970; undefined when there is none. */
  readonly after: number | undefined;
  readonly before: number | undefined;
}

export interface SavedRecord {
  readonly json: string;
  readonly type: string;
  readonly time: number;
}

/** What could be read of a segment. */
export interface Salvage {
  readonly base: Base | undefined;
  readonly records: readonly SavedRecord[];
  readonly lost: readonly Loss[];
  /** What its first line continues, and what the next segment must; undefined when that is damaged. */
  readonly previous: string | undefined;
  readonly last: string | undefined;
}

async function readWhole(path: string): Promise<Buffer> {
  const handle = await openSegment(path);
  try {
    return await readBytes(handle, 0, (await handle.stat()).size);
  } finally {
    await handle.close();
  }
}

/** What is wrong with how a whole line stands where it does; undefined when nothing is. */
function misplaced(line: Line, expected: string | undefined, seen: ReadonlySet<string>): string | undefined {
  if (seen.has(line.hash)) return 'a record that is there twice; it is kept once';
  return expected === undefined || line.previous === expected ? undefined : 'records are missing before this one, or it was moved here; it is kept';
}

/** Reads every whole record of a segment, whatever stands between them. `seen` holds the hashes of the lines so far, and gets these. Throws a StartError for a newer version's. */
export async function salvage(dir: string, number: number, seen: Set<string>): Promise<Salvage> {
  const path = segmentPath(dir, number);
  const bytes = await readWhole(path);
  const lines = findLines(bytes, 0);
  const records: SavedRecord[] = [];
  const lost: Loss[] = [];
  let base: Base | undefined;
  let expected: string | undefined;
  let at = 0;
  let isClosed = true;

  function lose(offset: number, count: number, what: string): void {
    lost.push({ path, offset, bytes: count, what, after: records.at(-1)?.time, before: undefined });
    isClosed = false;
  }

  function keep(line: Line): void {
    const json = jsonOf(bytes, line, 0);
    const header = parseHeader(json);
    if (typeof header === 'object') {
      if (line.offset === 0) base = header.base;
      else lose(line.offset, line.end - line.offset, 'the beginning of a segment, which does not belong here');
      return;
    }
    const parsed = parseRecord(json);
    if (parsed.record === undefined) {
      if (parsed.isNewer) throw unreadable(path, line.end, parsed.problem);
      return lose(line.offset, line.end - line.offset, parsed.problem);
    }
    const { type, time } = parsed.record;
    if (!isClosed) for (const [index, loss] of lost.entries()) if (loss.before === undefined) lost[index] = { ...loss, before: time };
    isClosed = true;
    records.push({ json, type, time });
  }

  for (const line of lines) {
    if (line.offset > at) {
      lose(at, line.offset - at, 'bytes that are no whole record');
      expected = undefined;
    }
    at = line.end;
    const wrong = misplaced(line, expected, seen);
    const isDouble = seen.has(line.hash);
    if (wrong !== undefined) lose(line.offset, isDouble ? line.end - line.offset : 0, wrong);
    if (isDouble) continue;
    seen.add(line.hash);
    expected = line.hash;
    keep(line);
  }
  if (at < bytes.length) lose(at, bytes.length - at, 'bytes that are no whole record');
  if (bytes.length === 0) lose(0, 0, 'the file is empty');
  const [first] = lines;
  const isEndWhole = at === bytes.length && first !== undefined;
  return {
    base,
    records,
    lost,
    previous: first?.offset === 0 ? first.previous : undefined,
    last: isEndWhole ? (base?.kind === 'rollup' ? base.last : expected) : undefined,
  };
}
