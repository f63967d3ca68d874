import { isObject } from '../../plugins/kit/json.ts';

/** Names that the language itself uses: the schema passes over some of them without a word. */
const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
/** Nothing in a config stands deeper. */
const MAX_DEPTH = 8;

export const isReservedName = (name: string): boolean => RESERVED.has(name);

/** Where in the config such a name stands, if anywhere. */
export function reservedNameIn(json: unknown, above: readonly string[] = []): readonly string[] | undefined {
  if (!isObject(json) || above.length >= MAX_DEPTH) return undefined;
  for (const [name, value] of Object.entries(json)) {
    const path = [...above, name];
    const found = isReservedName(name) ? path : reservedNameIn(value, path);
    if (found !== undefined) return found;
  }
  return undefined;
}
