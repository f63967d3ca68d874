import type { JsonSchemaFormat, ResponseFormat } from '../../gen/tollgate/v1/content.ts';
import type { ReasoningOptions } from '../../gen/tollgate/v1/generate_service.ts';
import { unsupported, type GenerateRequest } from '../provider.ts';
import { jsonObjectField } from './json-object-field.ts';
import { mergeJson, rawJson, type JsonObject } from './json.ts';
import type { ChatDialect, IgnorableField, RefusableField } from './openai-chat-dialect.ts';
import { chatMessages } from './openai-chat-messages.ts';
import { toolFields, type ToolShape } from './openai-tools.ts';
import { providerOptions } from './provider-options.ts';

/** The body that asks for a streamed chat completion. `type` is the plugin's: whose provider options count. */
export function chatBody(request: GenerateRequest, dialect: ChatDialect, type: string): JsonObject {
  refuseFields(request, dialect.refuses);
  const maxTokens = request.maxOutputTokens ?? dialect.defaultMaxTokens;
  const body: JsonObject = {
    ...(dialect.modelInBody === false ? {} : { model: request.model }),
    messages: arranged(chatMessages(request.messages, dialect), dialect),
    ...(maxTokens === undefined ? {} : { [dialect.maxTokensField ?? 'max_tokens']: maxTokens }),
    ...set('temperature', unlessIgnored('temperature', request.temperature, dialect)),
    ...set('top_p', unlessIgnored('top_p', request.topP, dialect)),
    ...set('top_k', request.topK),
    ...(request.stopSequences.length > 0 ? { stop: request.stopSequences } : {}),
    // As text: a seed may be larger than a JSON number of this language can be.
    ...(request.seed === undefined ? {} : set(dialect.seedField ?? 'seed', unlessIgnored('seed', rawJson(request.seed.toString()), dialect))),
    ...chatToolFields(request, dialect),
    ...responseFormat(request.responseFormat, dialect),
    ...(request.reasoning === undefined ? {} : (dialect.reasoning ?? effortOnly)(request.reasoning)),
    ...dialect.extra,
    stream: true,
    ...set('stream_options', dialect.streamOptions),
  };
  return mergeJson(body, providerOptions(request, type));
}

const set = (field: string, value: unknown): JsonObject => (value === undefined ? {} : { [field]: value });

const unlessIgnored = (field: IgnorableField, value: unknown, { ignores }: ChatDialect): unknown => (ignores?.includes(field) === true ? undefined : value);

const arranged = (messages: readonly JsonObject[], { arrange }: ChatDialect): readonly JsonObject[] => (arrange === undefined ? messages : arrange(messages));

/** Fails for a field of the request that is not honoured. */
export function refuseFields(request: GenerateRequest, refuses: ChatDialect['refuses']): void {
  if (refuses === undefined) return;
  const asked: readonly (readonly [RefusableField, boolean])[] = [
    ['temperature', request.temperature !== undefined],
    ['top_p', request.topP !== undefined],
    ['top_k', request.topK !== undefined],
    ['stop_sequences', request.stopSequences.length > 0],
    ['seed', request.seed !== undefined],
    ['response_format.json_schema', request.responseFormat?.format?.$case === 'jsonSchema'],
  ];
  for (const [field, isAsked] of asked) {
    const why = refuses[field];
    if (isAsked && why !== undefined) throw unsupported(field, why);
  }
}

/** Which fields of the request are left out without harm. */
export function ignoredFields(request: GenerateRequest, { ignores }: ChatDialect): readonly string[] {
  if (ignores === undefined) return [];
  const asked: Readonly<Record<IgnorableField, unknown>> = { temperature: request.temperature, top_p: request.topP, seed: request.seed };
  return ignores.filter((field) => asked[field] !== undefined);
}

/** How much to think, for providers that know only words for it. */
export function effortOnly({ effort, maxReasoningTokens }: ReasoningOptions): JsonObject {
  if (maxReasoningTokens !== undefined) throw unsupported('reasoning.max_reasoning_tokens', 'this provider takes no limit in tokens: set reasoning.effort');
  return effort === '' ? {} : { reasoning_effort: effort };
}

const TOOL_SHAPE: ToolShape = {
  tool: (definition) => ({ type: 'function', function: definition }),
  named: (name) => ({ type: 'function', function: { name } }),
};

function chatToolFields({ tools, toolChoice }: GenerateRequest, dialect: ChatDialect): JsonObject {
  const choice = toolChoice === undefined ? undefined : (dialect.toolChoice?.(toolChoice, tools) ?? toolChoice);
  return toolFields(tools, choice ?? {}, { ...TOOL_SHAPE, anyTool: dialect.anyToolWord });
}

/** What both of OpenAI's APIs say about a JSON Schema for the answer. */
export function namedSchema({ name, schemaJson }: JsonSchemaFormat): { readonly name: string; readonly schema: unknown } {
  return { name: name === '' ? 'response' : name, schema: jsonObjectField(schemaJson, 'response_format.json_schema.schema_json') };
}

function responseFormat(format: ResponseFormat | undefined, { bareJsonSchema }: ChatDialect): JsonObject {
  if (format?.format?.$case === 'json') return { response_format: { type: 'json_object' } };
  if (format?.format?.$case !== 'jsonSchema') return {};
  const named = namedSchema(format.format.value);
  const wrapped = { ...named, ...(format.format.value.strict ? { strict: true } : {}) };
  return { response_format: { type: 'json_schema', json_schema: bareJsonSchema === true ? named.schema : wrapped } };
}
