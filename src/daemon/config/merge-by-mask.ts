import { objectOf, type JsonObject } from '../../plugins/kit/json.ts';

/** Names between dots; one that holds dots itself stands in backticks: providers.`my.server`.base_url. */
const PATH = /^(?:`[^`]+`|[^.`]+)(?:\.(?:`[^`]+`|[^.`]+))*$/;
const NAME = /`([^`]+)`|[^.`]+/g;

/** The names on a mask's path; undefined when it is none. */
export const namesOnPath = (path: string): readonly string[] | undefined =>
  PATH.test(path) ? [...path.matchAll(NAME)].map(([whole, quoted]) => quoted ?? whole) : undefined;

const inner = (json: JsonObject, name: string): JsonObject | undefined => (Object.hasOwn(json, name) ? objectOf(json[name]) : undefined);

const without = (json: JsonObject, name: string): JsonObject => Object.fromEntries(Object.entries(json).filter(([key]) => key !== name));

/** `held` with the field at the end of the path as it is in `given`: removed when `given` has none. */
export function mergeField(held: JsonObject, given: JsonObject, [name, ...rest]: readonly string[]): JsonObject {
  if (name === undefined) return given;
  if (rest.length === 0) return Object.hasOwn(given, name) ? { ...held, [name]: given[name] } : without(held, name);
  const before = inner(held, name);
  const after = mergeField(before ?? {}, inner(given, name) ?? {}, rest);
  return before === undefined && Object.keys(after).length === 0 ? held : { ...held, [name]: after };
}
