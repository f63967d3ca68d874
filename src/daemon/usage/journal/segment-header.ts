/** The format of the segments that this version writes and reads. */
export const FORMAT = 1;

/**
 * Why nothing before this segment is needed. `new`: nothing was before it. `recovery`: it holds all that `tollgate recover` could keep.
 * `rollup`: its one record, a ROLLUP, stands for everything up to the position `covers` of the segment of this number; `last` is the
 * hash of the line that stood there, which the next segment continues.
 */
export type Base = { readonly kind: 'new' | 'recovery' } | { readonly kind: 'rollup'; readonly covers: number; readonly last: string };

/** The first line of a segment, whose framing is the same in all versions to come. */
export interface SegmentHeader {
  readonly segment: number;
  /** When it was begun, in milliseconds since 1970. */
  readonly time: number;
  readonly base: Base | undefined;
}

export const headerJson = ({ segment, time, base }: SegmentHeader): string => JSON.stringify({ journal: FORMAT, segment, time, base });

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isOffset = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function parseBase({ kind, covers, last }: Fields): Base | undefined {
  if (kind === 'new' || kind === 'recovery') return { kind };
  return kind === 'rollup' && isOffset(covers) && typeof last === 'string' ? { kind, covers, last } : undefined;
}

/** Reads a segment's first line. Gives the format's number when it is newer than ours, and undefined when it is no header. */
export function parseHeader(json: string): SegmentHeader | number | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isFields(value) || !isOffset(value['journal'])) return undefined;
  if (value['journal'] > FORMAT) return value['journal'];
  const { segment, time, base: stated } = value;
  const base = isFields(stated) ? parseBase(stated) : undefined;
  if (!isOffset(segment) || !isOffset(time) || (stated !== undefined && base === undefined)) return undefined;
  return { segment, time, base };
}
