import { objectOf, rawJson } from '../kit/json.ts';
import { isTooHeavy } from '../kit/json-weight.ts';

/**
 * Parses JSON text and keeps numbers as they are written: `stringifyBody` writes an id of 20 digits, or 1.0, as it came. Slower
 * than `parseJson`: for arguments of tools. Returns undefined when the text is no JSON, or more of it than any answer has.
 */
export function exactJson(text: string): unknown {
  if (isTooHeavy(text)) return undefined;
  try {
    return JSON.parse(text, (_key, value: unknown, ...more: readonly unknown[]) => {
      if (typeof value !== 'number') return value;
      const source = objectOf(more[0])?.['source'];
      return typeof source !== 'string' || source === String(value) ? value : rawJson(source);
    });
  } catch {
    return undefined;
  }
}
