import type { FoundKey } from './found-keys.ts';
import { parseEnvFile } from './parse-env-file.ts';
import { type Span, emptySpans } from './span.ts';

function literally(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_]/g, String.raw`\$&`);
}

/** Whether emptying a place empties this variable, or an earlier assignment to it, and nothing else. */
function touchesOnly(name: string, before: Buffer, after: Buffer): boolean {
  const [old, fresh] = [parseEnvFile(before), parseEnvFile(after)];
  const isSame = (other: string): boolean => other === name || old[other] === fresh[other];
  return Object.hasOwn(fresh, name) && [...Object.keys(old), ...Object.keys(fresh)].every(isSame) && (fresh[name] === '' || fresh[name] === old[name]);
}

/** Where in a .env file these keys stand as the values of their names, within the quotes around them. */
export function envFileSpans(bytes: Buffer, keys: readonly FoundKey[]): Span[] {
  // One character per byte: positions in the text are positions in the file.
  const text = bytes.toString('latin1');
  return keys.flatMap(({ name, key }) => {
    const assignment = new RegExp(String.raw`^[ \t]*(?:export[ \t]+)?${literally(name)}[ \t]*=[ \t]*(["'${'`'}]?)(?=(${literally(key)}))\2(?=\1)`, 'gm');
    return [...text.matchAll(assignment)]
      .map((match): Span => {
        const end = match.index + match[0].length;
        // Where nothing stands, Node's parser and others go on into the next line.
        return { start: end - key.length, end, empty: match[1] === '' ? '""' : '' };
      })
      // What looks like an assignment may be a line of another value.
      .filter((span) => touchesOnly(name, bytes, emptySpans(bytes, [span])));
  });
}
