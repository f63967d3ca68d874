import { isObject, parseJson } from '../../plugins/kit/json.ts';

/** The longest JSON text of one field. */
const MAX_CHARS = 8 * 1024 * 1024;
/** Deeper ones are made to hurt whoever reads them. */
const MAX_DEPTH = 128;

/** Whether brackets outside of strings nest no deeper than MAX_DEPTH. */
function isShallow(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (inString) {
      if (unit === 0x5c) at++;
      else if (unit === 0x22) inString = false;
    } else if (unit === 0x22) inString = true;
    else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > MAX_DEPTH) return false;
    } else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return true;
}

const parse = (text: string): unknown => (text.length <= MAX_CHARS && isShallow(text) ? parseJson(text) : undefined);

/** Whether a text is JSON of any kind, of a size and depth that a program makes. */
export const isJson = (text: string): boolean => parse(text) !== undefined;

/** Whether a text is one JSON object, likewise. */
export const isJsonObject = (text: string): boolean => isObject(parse(text));
