import { ToolChoice_Mode as Mode, type ResponseFormat, type Tool, type ToolChoice } from '../../gen/tollgate/v1/content.ts';
import type { ReasoningOptions } from '../../gen/tollgate/v1/generate_service.ts';
import { unsupported, type GenerateRequest } from '../provider.ts';
import { jsonObjectField } from './json-object-field.ts';
import { isObject, mergeJson, rawJson, type JsonObject } from './json.ts';
import type { ChatDialect, RefusableField } from './openai-chat-dialect.ts';
import { chatMessages } from './openai-chat-messages.ts';
import { providerOptions } from './provider-options.ts';

/** The body that asks for a streamed chat completion. `type` is the plugin's: whose provider options count. */
export function chatBody(request: GenerateRequest, dialect: ChatDialect, type: string): JsonObject {
  refuse(request, dialect);
  const maxTokens = request.maxOutputTokens ?? dialect.defaultMaxTokens;
  const body: JsonObject = {
    ...(dialect.modelInBody === false ? {} : { model: request.model }),
    messages: chatMessages(request.messages, dialect),
    ...(maxTokens === undefined ? {} : { [dialect.maxTokensField ?? 'max_tokens']: maxTokens }),
    ...set('temperature', request.temperature),
    ...set('top_p', request.topP),
    ...set('top_k', request.topK),
    ...(request.stopSequences.length > 0 ? { stop: request.stopSequences } : {}),
    // As text: a seed may be larger than a JSON number of this language can be.
    ...(request.seed === undefined || dialect.ignores?.includes('seed') === true ? {} : { seed: rawJson(request.seed.toString()) }),
    ...toolFields(request, dialect),
    ...responseFormat(request.responseFormat, dialect),
    ...(request.reasoning === undefined ? {} : (dialect.reasoning ?? effortOnly)(request.reasoning)),
    ...dialect.extra,
    stream: true,
    ...set('stream_options', dialect.streamOptions),
  };
  return mergeJson(body, providerOptions(request, type));
}

const set = (field: string, value: unknown): JsonObject => (value === undefined ? {} : { [field]: value });

function refuse(request: GenerateRequest, { refuses }: ChatDialect): void {
  if (refuses === undefined) return;
  const asked: readonly (readonly [RefusableField, boolean])[] = [
    ['temperature', request.temperature !== undefined],
    ['top_p', request.topP !== undefined],
    ['top_k', request.topK !== undefined],
    ['stop_sequences', request.stopSequences.length > 0],
    ['seed', request.seed !== undefined],
  ];
  for (const [field, isAsked] of asked) {
    const why = refuses[field];
    if (isAsked && why !== undefined) throw unsupported(field, why);
  }
}

/** Which fields of the request are left out without harm. */
export const ignoredFields = (request: GenerateRequest, { ignores = [] }: ChatDialect): readonly string[] =>
  ignores.filter((field) => field === 'seed' && request.seed !== undefined);

/** How much to think, for providers that know only words for it. */
export function effortOnly({ effort, maxReasoningTokens }: ReasoningOptions): JsonObject {
  if (maxReasoningTokens !== undefined) throw unsupported('reasoning.max_reasoning_tokens', 'this provider takes no limit in tokens: set reasoning.effort');
  return effort === '' ? {} : { reasoning_effort: effort };
}

function toolFields({ tools, toolChoice }: GenerateRequest, dialect: ChatDialect): JsonObject {
  const choice = toolChoice === undefined ? undefined : (dialect.toolChoice?.(toolChoice, tools) ?? toolChoice);
  const choose = choiceOf(choice);
  if (tools.length === 0) {
    if (choose === 'required' || isObject(choose)) throw unsupported('tool_choice', 'it asks for a tool, and the request has none');
    return {};
  }
  return { tools: tools.map(toolOf), ...set('tool_choice', choose) };
}

const toolOf = ({ name, description, parametersJson }: Tool, at: number): JsonObject => ({
  type: 'function',
  function: {
    name,
    ...(description === '' ? {} : { description }),
    // Some servers refuse a tool without parameters.
    parameters: parametersJson === '' ? { type: 'object', properties: {} } : jsonObjectField(parametersJson, `tools[${at}].parameters_json`),
  },
});

function choiceOf(choice: ToolChoice | undefined): string | JsonObject | undefined {
  if (choice?.choice?.$case === 'toolName') return { type: 'function', function: { name: choice.choice.value } };
  const words: Readonly<Record<Mode, string | undefined>> = {
    [Mode.UNSPECIFIED]: undefined,
    [Mode.AUTO]: 'auto',
    [Mode.NONE]: 'none',
    [Mode.REQUIRED]: 'required',
  };
  return choice?.choice === undefined ? undefined : words[choice.choice.value];
}

function responseFormat(format: ResponseFormat | undefined, { bareJsonSchema }: ChatDialect): JsonObject {
  if (format?.format?.$case === 'json') return { response_format: { type: 'json_object' } };
  if (format?.format?.$case !== 'jsonSchema') return {};
  const { name, schemaJson, strict } = format.format.value;
  const schema = jsonObjectField(schemaJson, 'response_format.json_schema.schema_json');
  const wrapped = { name: name === '' ? 'response' : name, schema, ...(strict ? { strict } : {}) };
  return { response_format: { type: 'json_schema', json_schema: bareJsonSchema === true ? schema : wrapped } };
}
