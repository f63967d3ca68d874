import { randomUUID } from 'node:crypto';

/** Reads what a provider sent, where every field may be missing or of another type. */
export type JsonObject = { readonly [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const objectOf = (value: unknown): JsonObject | undefined => (isObject(value) ? value : undefined);

export const arrayOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** A non-empty string, or a number as text: providers' codes come as both. */
export const wordOf = (value: unknown): string | undefined =>
  typeof value === 'number' ? String(value) : stringOf(value) || undefined;

/** A count of tokens. Anything but a whole number from 0 to 2^53-1 is not known. */
export const countOf = (value: unknown): bigint | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined;

/** Parses JSON text. Returns undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** JSON text of a value that came as JSON. Undefined when it is nested too deeply to be written. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** JSON text that `stringifyBody` writes unchanged, byte for byte. The caller has checked that it is JSON. */
export const rawJson = (text: string): unknown => new RawJson(text);

/** Like JSON.stringify, with `rawJson` values written as they are. */
export function stringifyBody(body: JsonObject): string {
  const raws: string[] = [];
  const mark = randomUUID();
  const text = JSON.stringify(body, (_key, value: unknown) =>
    value instanceof RawJson ? `${mark}:${raws.push(value.text) - 1}` : value,
  );
  return raws.length === 0 ? text : text.replace(new RegExp(`"${mark}:(\\d+)"`, 'g'), (_match, index) => raws[Number(index)] ?? '');
}

/** Merges objects deeply; a value of `extra` wins, arrays and scalars are replaced whole. */
export function mergeJson(base: JsonObject, extra: JsonObject): JsonObject {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(extra)) {
    if (key === '__proto__') continue;
    const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
    merged[key] = isObject(before) && !(before instanceof RawJson) && isObject(value) ? mergeJson(before, value) : value;
  }
  return merged;
}
