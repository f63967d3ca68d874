import { parseEnv } from 'node:util';

/** The variables of a .env file. */
export function parseEnvFile(bytes: Buffer): Readonly<Record<string, string | undefined>> {
  // Node's parser takes the next line for the value where only blanks follow the sign, and "export" for a part of the name of an empty one.
  const text = bytes.toString('utf8').replaceAll(/=[ \t]+(?=\r?$)/gm, '=');
  return Object.fromEntries(Object.entries(parseEnv(text)).map(([name, value]) => [name.replace(/^export\s+/, ''), value]));
}
