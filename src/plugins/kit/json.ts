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

/** The raw texts that the `stringifyBody` under way has met; undefined when it has met none. */
let met: { readonly mark: string; readonly texts: string[] } | undefined;

class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  /** Stands in for the text until the whole is written. */
  toJSON(): string {
    met ??= { mark: randomUUID(), texts: [] };
    return `${met.mark}:${met.texts.push(this.text) - 1}`;
  }
}

/** JSON text that `stringifyBody` writes unchanged, byte for byte. The caller has checked that it is JSON. */
export const rawJson = (text: string): unknown => new RawJson(text);

/** Like JSON.stringify, with `rawJson` values written as they are. */
export function stringifyBody(body: JsonObject): string {
  met = undefined;
  const text = JSON.stringify(body);
  const raws = takeMet();
  return raws === undefined ? text : text.replace(new RegExp(`"${raws.mark}:(\\d+)"`, 'g'), (_match, index) => raws.texts[Number(index)] ?? '');
}

function takeMet(): typeof met {
  const raws = met;
  met = undefined;
  return raws;
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
