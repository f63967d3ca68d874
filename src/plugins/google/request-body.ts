import { ToolChoice_Mode, type ResponseFormat, type Tool, type ToolChoice } from '../../gen/tollgate/v1/content.ts';
import { mergeJson, objectOf, type JsonObject } from '../kit/json.ts';
import { jsonObjectField } from '../kit/json-object-field.ts';
import { providerOptions } from '../kit/provider-options.ts';
import { unsupported, type GenerateRequest } from '../provider.ts';
import { conversationOf } from './contents.ts';
import { traitsOf } from './model-traits.ts';
import { thinkingConfig } from './thinking-config.ts';

export interface RequestBody {
  readonly body: JsonObject;
  /** Fields of the request that the model does not take. */
  readonly ignoredFields: readonly string[];
}

const MAX_SEED = 2n ** 31n - 1n;

/** Google's seeds have 32 bits. */
function seedOf(seed: bigint): number {
  if (seed > MAX_SEED || seed < -MAX_SEED - 1n) throw unsupported('seed', `Gemini takes whole numbers from ${-MAX_SEED - 1n} to ${MAX_SEED}`);
  return Number(seed);
}

const toolOf = ({ name, description, parametersJson }: Tool, at: number): JsonObject => ({
  name,
  ...(description === '' ? {} : { description }),
  ...(parametersJson === '' ? {} : { parametersJsonSchema: jsonObjectField(parametersJson, `tools[${at}].parameters_json`) }),
});

function callingConfigOf(choice: ToolChoice['choice']): JsonObject | undefined {
  if (choice?.$case === 'toolName') return { mode: 'ANY', allowedFunctionNames: [choice.value] };
  switch (choice?.value) {
    case ToolChoice_Mode.AUTO:
      return { mode: 'AUTO' };
    case ToolChoice_Mode.NONE:
      return { mode: 'NONE' };
    case ToolChoice_Mode.REQUIRED:
      return { mode: 'ANY' };
    default:
      return undefined;
  }
}

function toolFields({ tools, toolChoice }: GenerateRequest): JsonObject {
  // Google refuses a choice among no tools; without tools nothing is left to choose.
  if (tools.length === 0) return {};
  const functionCallingConfig = callingConfigOf(toolChoice?.choice);
  return {
    tools: [{ functionDeclarations: tools.map(toolOf) }],
    ...(functionCallingConfig === undefined ? {} : { toolConfig: { functionCallingConfig } }),
  };
}

function formatFields(format: ResponseFormat['format']): JsonObject {
  if (format === undefined || format.$case === 'text') return {};
  const responseMimeType = 'application/json';
  if (format.$case === 'json') return { responseMimeType };
  return { responseMimeType, responseJsonSchema: jsonObjectField(format.value.schemaJson, 'response_format.json_schema.schema_json') };
}

const samplingFields = ({ maxOutputTokens, temperature, topP, topK, stopSequences, seed }: GenerateRequest): JsonObject => ({
  ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  ...(temperature === undefined ? {} : { temperature }),
  ...(topP === undefined ? {} : { topP }),
  ...(topK === undefined ? {} : { topK }),
  ...(stopSequences.length === 0 ? {} : { stopSequences }),
  ...(seed === undefined ? {} : { seed: seedOf(seed) }),
});

/** A level and a budget exclude each other: what the caller's own fields say of thinking stands alone. */
const saysThinking = (options: JsonObject): boolean => objectOf(options['generationConfig'])?.['thinkingConfig'] !== undefined;

/** Makes the body of :streamGenerateContent. Throws UNSUPPORTED for what Gemini cannot do. */
export function requestBody(request: GenerateRequest): RequestBody {
  const traits = traitsOf(request.model);
  const options = providerOptions(request, 'google');
  const { system, contents } = conversationOf(request.messages, traits);
  const { config, ignored } = saysThinking(options) ? { config: undefined, ignored: [] } : thinkingConfig(request, traits.thinking);
  const generationConfig: JsonObject = {
    ...samplingFields(request),
    ...formatFields(request.responseFormat?.format),
    ...(config === undefined ? {} : { thinkingConfig: config }),
  };
  const body: JsonObject = {
    ...(system.length === 0 ? {} : { systemInstruction: { parts: system } }),
    contents,
    ...toolFields(request),
    ...(Object.keys(generationConfig).length === 0 ? {} : { generationConfig }),
  };
  return { body: mergeJson(body, options), ignoredFields: ignored };
}
