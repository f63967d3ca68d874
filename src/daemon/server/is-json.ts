import { isObject, parseJson } from '../../plugins/kit/json.ts';

/** Whether a text is JSON of any kind. */
export const isJson = (text: string): boolean => parseJson(text) !== undefined;

/** Whether a text is one JSON object. */
export const isJsonObject = (text: string): boolean => isObject(parseJson(text));
