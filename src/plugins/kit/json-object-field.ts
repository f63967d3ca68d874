import { unsupported } from '../provider.ts';
import { isObject, parseJson, rawJson } from './json.ts';

/** JSON text of the request as a value that goes out byte for byte. `field` is its path, for the error when it is no object. */
export function jsonObjectField(text: string, field: string): unknown {
  if (!isObject(parseJson(text))) throw unsupported(field, 'this is not a JSON object, and the provider takes nothing else');
  return rawJson(text);
}
