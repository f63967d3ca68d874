/** A place in a file, in bytes; `end` is not part of it. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** What stands there once it is emptied. */
  readonly empty: '' | '""';
}

/** The file with these places emptied, everything else byte for byte. They may not overlap. */
export function emptySpans(bytes: Buffer, spans: readonly Span[]): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { start, end, empty } of spans.toSorted((a, b) => a.start - b.start)) {
    pieces.push(bytes.subarray(from, start), Buffer.from(empty));
    from = end;
  }
  return Buffer.concat([...pieces, bytes.subarray(from)]);
}
