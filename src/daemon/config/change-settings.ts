import { objectOf, type JsonObject } from '../../plugins/kit/json.ts';

/** Settings to write. undefined removes one. */
export type SettingChanges = ReadonlyMap<string, unknown>;

const field = (json: JsonObject, name: string): unknown => (Object.hasOwn(json, name) ? json[name] : undefined);
const objectIn = (json: JsonObject, name: string): JsonObject => objectOf(field(json, name)) ?? {};

/** The object with this field, or without it when the value is undefined; the order of the others stays. */
const put = (json: JsonObject, name: string, value: unknown): JsonObject =>
  value === undefined ? Object.fromEntries(Object.entries(json).filter(([key]) => key !== name)) : { ...json, [name]: value };

const unlessEmpty = (json: JsonObject): JsonObject | undefined => (Object.keys(json).length === 0 ? undefined : json);

const settingsIn = (held: JsonObject, provider: string): JsonObject => objectIn(objectIn(objectIn(held, 'providers'), provider), 'settings');

/** The config file's content with some settings of a provider changed. What becomes empty by that is left out: it would say nothing. */
export function changeSettings(held: JsonObject, provider: string, changes: SettingChanges): JsonObject {
  const providers = objectIn(held, 'providers');
  const merged = new Map(Object.entries(settingsIn(held, provider)));
  for (const [name, value] of changes) merged.set(name, value);
  const settings = Object.fromEntries([...merged].filter(([, value]) => value !== undefined));
  const entry = put(objectIn(providers, provider), 'settings', unlessEmpty(settings));
  return put(held, 'providers', unlessEmpty(put(providers, provider, unlessEmpty(entry))));
}

/** What takes such a change back. */
export function settingsBefore(held: JsonObject, provider: string, changes: SettingChanges): SettingChanges {
  const settings = settingsIn(held, provider);
  return new Map([...changes.keys()].map((name) => [name, field(settings, name)]));
}
