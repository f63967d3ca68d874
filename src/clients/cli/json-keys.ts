import { type FoundKey, type FoundKeys, type FoundSetting, kindOfValue } from './found-keys.ts';
import { jsonStrings, type JsonString } from './json-strings.ts';
import { isKeyWord, type KeyNames } from './key-names.ts';
import { looksLikeKey } from './looks-like-key.ts';
import type { Span } from './span.ts';

/** A key in a JSON file, and where. */
export interface JsonKey extends FoundKey, Span {}

export interface JsonKeys extends FoundKeys {
  readonly keys: readonly JsonKey[];
}

const sayWhose = new Set(['provider', 'name', 'id', 'type', 'service']);
/** What programs call the pieces of something encrypted. */
const cipherParts = new Set(['iv', 'ciphertext', 'cipher', 'encrypted', 'encrypteddata', 'authtag']);

const parentOf = (path: readonly string[]): string => JSON.stringify(path.slice(0, -1));

/** Which provider an object says that it is about: it may stand in a list, beside its key. */
function objectOwners(strings: readonly JsonString[], names: KeyNames): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { path, value } of strings) {
    const owner = sayWhose.has((path.at(-1) ?? '').toLowerCase()) ? names.providerOf(value) : undefined;
    if (owner !== undefined) owners.set(parentOf(path), owner);
  }
  return owners;
}

/**
 * Finds keys in a JSON file whose shape nobody documents: strings under names that mean a provider's key, however they are
 * nested. Throws a SyntaxError when it is not JSON.
 */
export function jsonKeys(bytes: Buffer, names: KeyNames): JsonKeys {
  const strings = jsonStrings(bytes);
  const owners = objectOwners(strings, names);
  const keys: JsonKey[] = [];
  const settings: FoundSetting[] = [];
  const unreadable = new Set<string>();

  /** The provider whose key stands at this place, if one does. */
  function ownerOfKey({ path, value }: JsonString, around: string | undefined): string | undefined {
    const name = path.at(-1) ?? '';
    const own = names.providerOfKey(name);
    if (own !== undefined) return own;
    if (isKeyWord(name)) return around;
    const bare = names.providerOf(name);
    // Beside a provider's bare name stands its model as often as its key.
    return bare !== undefined && (path.slice(0, -1).some(isKeyWord) || looksLikeKey(value) || kindOfValue(value) === 'unreadable') ? bare : undefined;
  }

  for (const string of strings) {
    const { path, value, start, end, empty } = string;
    const outer = path.slice(0, -1);
    const around = outer.map((name) => names.providerOfKey(name) ?? names.providerOf(name)).findLast((provider) => provider !== undefined) ?? owners.get(parentOf(path));
    const setting = names.settingOf(path.at(-1) ?? '', around);
    if (setting !== undefined && value !== '') settings.push({ ...setting, value });
    if (path.some((name) => /model|url|host/i.test(name))) continue;
    const provider = ownerOfKey(string, around);
    const name = path.join('.');
    const kind = kindOfValue(value);
    if (around !== undefined && cipherParts.has((path.at(-1) ?? '').toLowerCase()) && value !== '') unreadable.add(outer.join('.'));
    else if (provider !== undefined && kind === 'unreadable') unreadable.add(name);
    else if (provider !== undefined && kind === 'key') keys.push({ provider, key: value, name, start, end, empty });
  }
  return { keys, settings, unreadable: [...unreadable] };
}
