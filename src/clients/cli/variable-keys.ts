import { type FoundKey, type FoundKeys, type FoundSetting, kindOfValue } from './found-keys.ts';
import type { KeyNames } from './key-names.ts';

/** The keys among variables: an environment's, or those of a .env file. */
export function variableKeys(variables: Readonly<Record<string, string | undefined>>, names: KeyNames): FoundKeys {
  const keys: FoundKey[] = [];
  const settings: FoundSetting[] = [];
  const unreadable: string[] = [];
  for (const [name, given = ''] of Object.entries(variables)) {
    if (!/^\w+$/.test(name)) continue;
    const value = given.trim();
    const provider = names.providerOfKey(name);
    const setting = names.settingOf(name);
    if (setting !== undefined && value !== '') settings.push({ ...setting, value });
    if (provider === undefined) continue;
    const kind = kindOfValue(value);
    if (kind === 'key') keys.push({ provider, key: value, name });
    else if (kind === 'unreadable') unreadable.push(name);
  }
  return { keys, settings, unreadable };
}
