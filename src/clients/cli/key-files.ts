import { readFile, stat } from 'node:fs/promises';
import { CliError, exitCode } from './cli-error.ts';
import { envFileSpans } from './env-file-spans.ts';
import { fileProblem } from './file-problem.ts';
import type { FoundKeys } from './found-keys.ts';
import { jsonKeys } from './json-keys.ts';
import type { KeyNames } from './key-names.ts';
import { parseEnvFile } from './parse-env-file.ts';
import { replaceFile } from './replace-file.ts';
import { emptySpans } from './span.ts';
import { variableKeys } from './variable-keys.ts';

/** Where keys stand in plaintext. */
export interface KeyPlace extends FoundKeys {
  /** For people: "the environment", or the file's path. */
  readonly title: string;
  /** The file's path. Undefined for the environment. */
  readonly file: string | undefined;
}

const maxBytes = 1024 * 1024;

function isJson(path: string): boolean {
  return /\.json$/i.test(path);
}

/** Finds keys in a .json file, or in one of variables. Undefined when it is no file. */
export async function readKeyFile(path: string, names: KeyNames): Promise<KeyPlace | undefined> {
  let bytes: Buffer;
  try {
    const kind = await stat(path);
    // Reading a pipe could wait for ever; .env may be a folder of Python's.
    if (!kind.isFile()) return undefined;
    if (kind.size > maxBytes) throw new CliError(exitCode.wrongUse, `${path} has more than ${maxBytes} bytes: it is no file of settings.`);
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw new CliError(exitCode.refused, fileProblem(error, path) ?? (error instanceof Error ? error.message : String(error)));
  }
  try {
    const found = isJson(path) ? jsonKeys(bytes, names) : variableKeys(parseEnvFile(bytes), names);
    return { ...found, title: path, file: path };
  } catch (error) {
    // The parser's own message may hold a piece of the file.
    if (error instanceof SyntaxError) throw new CliError(exitCode.refused, `${path} is not valid JSON: no key can be read from it.`);
    throw error;
  }
}

/** The file without these keys. */
export function withoutKeys(path: string, bytes: Buffer, names: KeyNames, keys: ReadonlySet<string>): Buffer {
  const spans = isJson(path)
    ? jsonKeys(bytes, names).keys.filter(({ key }) => keys.has(key))
    : envFileSpans(bytes, variableKeys(parseEnvFile(bytes), names).keys.filter(({ key }) => keys.has(key)));
  return emptySpans(bytes, spans);
}

/** Every key that stands somewhere: variables also where a later line overrules them, and in comments. */
function allKeys(path: string, bytes: Buffer, names: KeyNames): FoundKeys['keys'] {
  if (isJson(path)) return jsonKeys(bytes, names).keys;
  const lines = bytes.toString('latin1').split('\n').map((line) => Buffer.from(line.replace(/^[\s#]+/, ''), 'latin1'));
  return [bytes, ...lines].flatMap((text) => variableKeys(parseEnvFile(text), names).keys);
}

export interface Wiped {
  /** Lines, from 1, where one of the keys still stands: in a comment, or under another name. */
  readonly linesLeft: readonly number[];
  /** The names of other keys that still stand there, also in comments. */
  readonly othersLeft: readonly string[];
  /** Whether another name of the same file still holds the keys. */
  readonly hasOtherName: boolean;
}

/** Empties these keys' values in a file. All of its other bytes stay as they are. */
export async function wipeKeyFile(path: string, names: KeyNames, keys: ReadonlySet<string>): Promise<Wiped> {
  let linesLeft: number[] = [];
  let othersLeft: string[] = [];
  const isGone = await replaceFile(path, (bytes) => {
    const changed = withoutKeys(path, bytes, names, keys);
    const lines = changed.toString('latin1').split('\n');
    linesLeft = lines.flatMap((line, index) => ([...keys].some((key) => line.includes(key)) ? [index + 1] : []));
    othersLeft = [...new Set(allKeys(path, changed, names).filter(({ key }) => !keys.has(key)).map(({ name }) => name))];
    return changed;
  });
  return { linesLeft, othersLeft, hasOtherName: !isGone };
}
