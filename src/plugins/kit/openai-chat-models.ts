import type { ModelInfo } from '../provider.ts';
import { arrayOf, countOf, isObject, objectOf, stringOf, type JsonObject } from './json.ts';

/** Reads one entry of a list of models; undefined leaves it out. */
export type ReadModel = (entry: JsonObject) => ModelInfo | undefined;

/** A model by its id, with what else is known. */
export const modelInfo = (model: string, known: Partial<Omit<ModelInfo, 'model'>> = {}): ModelInfo => ({
  model,
  displayName: '',
  inputModalities: [],
  capabilities: [],
  refuses: [],
  ...known,
});

/** The id and the names that the dialect's speakers give to limits. */
export function readUsualModel(entry: JsonObject): ModelInfo | undefined {
  const model = stringOf(entry['id']) ?? stringOf(entry['name']);
  if (model === undefined || model === '') return undefined;
  const firstCount = (...fields: readonly string[]): bigint | undefined => fields.map((field) => countOf(entry[field])).find((count) => count !== undefined);
  return modelInfo(model, {
    displayName: stringOf(entry['display_name']) ?? '',
    contextWindow: firstCount('context_window', 'context_length', 'max_context_length', 'max_model_len'),
    maxOutputTokens: firstCount('max_completion_tokens', 'max_output_tokens'),
  });
}

/** A list of models: `{data: […]}`, `{models: […]}` or bare. */
export function chatModels(answer: unknown, read: ReadModel = readUsualModel): readonly ModelInfo[] {
  const list = objectOf(answer);
  const entries = Array.isArray(answer) ? answer : arrayOf(list?.['data'] ?? list?.['models']);
  return entries.flatMap((entry) => (isObject(entry) ? (read(entry) ?? []) : []));
}
