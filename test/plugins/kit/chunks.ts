import * as fc from 'fast-check';

/** Bytes in pieces, as a socket may give them: cut anywhere, also between the bytes of one character. */
export async function* inChunks(bytes: Uint8Array, borders: readonly number[]): AsyncGenerator<Buffer> {
  const cuts = [...new Set(borders.map((border) => (bytes.length === 0 ? 0 : border % bytes.length)))].sort((a, b) => a - b);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut > from) yield Buffer.from(bytes.subarray(from, cut));
    from = cut;
  }
}

/** Bytes in pieces of one size. */
export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += size) yield Buffer.from(bytes.subarray(from, from + size));
}

export const borders = fc.array(fc.nat(), { maxLength: 40 });

/** Any text: every character that UTF-8 can hold. */
export const anyText = (maxLength = 30) => fc.string({ unit: 'binary', maxLength });

/** Everything that a reader of batches yields, in one list. */
export async function flat<Item>(batches: AsyncIterable<readonly Item[]>): Promise<readonly Item[]> {
  const all: Item[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}
