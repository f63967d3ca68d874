import { unsupported, type GenerateRequest } from '../provider.ts';
import { isObject, parseJson, type JsonObject } from './json.ts';

/** The fields that the caller wants merged into the request body of the plugin of this type. */
export function providerOptions(request: Pick<GenerateRequest, 'providerOptionsJson'>, type: string): JsonObject {
  const text = Object.hasOwn(request.providerOptionsJson, type) ? request.providerOptionsJson[type] : undefined;
  if (text === undefined || text === '') return {};
  const options = parseJson(text);
  if (!isObject(options)) throw unsupported(`provider_options_json["${type}"]`, 'this is not a JSON object');
  return options;
}
