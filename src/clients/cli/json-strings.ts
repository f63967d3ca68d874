import type { Span } from './span.ts';

/** A string in a JSON file that is a value. */
export interface JsonString extends Span {
  /** The names and positions that lead to it. */
  readonly path: readonly string[];
  readonly value: string;
}

interface Level {
  readonly isArray: boolean;
  name: string;
  /** Whether the next string is a name. */
  isBeforeName: boolean;
  position: number;
}

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/gs;

function decode(text: string): string {
  const value: unknown = JSON.parse(Buffer.from(text, 'latin1').toString('utf8'));
  return String(value);
}

/** The places between the quotes of all strings that are values. Throws a SyntaxError when it is not JSON. */
export function jsonStrings(bytes: Buffer): JsonString[] {
  JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  const strings: JsonString[] = [];
  const levels: Level[] = [];
  // One character per byte: positions in the text are positions in the file.
  for (const { 0: text, index } of bytes.toString('latin1').matchAll(token)) {
    const level = levels.at(-1);
    if (text === '{' || text === '[') {
      levels.push({ isArray: text === '[', name: '', isBeforeName: text === '{', position: 0 });
    } else if (text === '}' || text === ']') {
      levels.pop();
    } else if (text === ',') {
      if (level !== undefined) {
        level.position++;
        level.isBeforeName = !level.isArray;
      }
    } else if (level?.isBeforeName === true) {
      level.name = decode(text);
      level.isBeforeName = false;
    } else {
      const path = levels.map(({ isArray, name, position }) => (isArray ? String(position) : name));
      strings.push({ path, start: index + 1, end: index + text.length - 1, empty: '', value: decode(text) });
    }
  }
  return strings;
}
