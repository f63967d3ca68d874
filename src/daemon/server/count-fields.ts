/** Fields whose content is a message that is counted too, by field number. */
export interface Shape {
  readonly [field: number]: Shape;
}

const TOO_MANY = Number.POSITIVE_INFINITY;

/**
 * Counts the fields of an encoded message, and of those inside it that `shape` names, before anything is made of them: millions of empty
 * messages fit into a few megabytes and become gigabytes of objects. Bytes that are no message count as endless.
 */
export function countFields(bytes: Uint8Array, shape: Shape, from = 0, to = bytes.length): number {
  let at = from;
  let count = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < to; shift += 7) {
      const byte = bytes[at++] ?? 0;
      if (shift < 49) value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return TOO_MANY;
  };
  while (at < to) {
    const tag = varint();
    if (tag === TOO_MANY) return TOO_MANY;
    count++;
    const wireType = tag % 8;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = varint();
      const inner = shape[Math.floor(tag / 8)];
      if (length > to - at) return TOO_MANY;
      if (inner !== undefined) count += countFields(bytes, inner, at, at + length);
      at += length;
    } else return TOO_MANY;
  }
  return count;
}
