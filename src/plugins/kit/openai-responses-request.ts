import type { ResponseFormat } from '../../gen/tollgate/v1/content.ts';
import type { ReasoningOptions } from '../../gen/tollgate/v1/generate_service.ts';
import { unsupported, type GenerateRequest } from '../provider.ts';
import { mergeJson, type JsonObject } from './json.ts';
import { namedSchema, refuseFields } from './openai-chat-request.ts';
import type { ResponsesDialect } from './openai-responses-dialect.ts';
import { responsesInput } from './openai-responses-input.ts';
import { toolFields, type ToolShape } from './openai-tools.ts';
import { providerOptions } from './provider-options.ts';

const NOT_THERE: ResponsesDialect['refuses'] = {
  stop_sequences: 'the Responses API has no such option: cut the text yourself, or ask a model that is served by chat completions',
  top_k: 'OpenAI has no such option',
};

// Said each time: this API's own default is strict, which refuses most schemas.
const TOOL_SHAPE: ToolShape = {
  tool: (definition) => ({ type: 'function', ...definition, strict: false }),
  named: (name) => ({ type: 'function', name }),
};

/** The body that asks for a streamed response, which the provider does not keep. `type` is the plugin's: whose provider options and metadata count. */
export function responsesBody(request: GenerateRequest, dialect: ResponsesDialect, type: string): JsonObject {
  refuseFields(request, { ...NOT_THERE, ...dialect.refuses });
  const { reasoning, toolChoice, temperature, topP, maxOutputTokens } = request;
  const body: JsonObject = {
    model: request.model,
    input: responsesInput(request.messages, dialect, type),
    ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...toolFields(request.tools, toolChoice ?? {}, TOOL_SHAPE),
    ...textFormat(request.responseFormat),
    ...(reasoning === undefined ? {} : reasoningField((dialect.reasoning ?? effortAndSummary)(reasoning))),
    ...(dialect.encryptedReasoning === true ? { include: ['reasoning.encrypted_content'] } : {}),
    store: false,
    ...dialect.extra,
    stream: true,
    ...(dialect.streamOptions === undefined ? {} : { stream_options: dialect.streamOptions }),
  };
  return mergeJson(body, providerOptions(request, type));
}

/** Which fields of the request are left out without harm. */
export const responsesIgnoredFields = ({ seed }: GenerateRequest): readonly string[] => (seed === undefined ? [] : ['seed']);

function effortAndSummary({ effort, maxReasoningTokens }: ReasoningOptions): JsonObject {
  if (maxReasoningTokens !== undefined) throw unsupported('reasoning.max_reasoning_tokens', 'this provider takes no limit in tokens: set reasoning.effort');
  return { ...(effort === '' ? {} : { effort }), ...(effort === 'none' ? {} : { summary: 'auto' }) };
}

const reasoningField = (reasoning: JsonObject): JsonObject => (Object.keys(reasoning).length === 0 ? {} : { reasoning });

function textFormat(format: ResponseFormat | undefined): JsonObject {
  if (format?.format?.$case === 'json') return { text: { format: { type: 'json_object' } } };
  if (format?.format?.$case !== 'jsonSchema') return {};
  return { text: { format: { type: 'json_schema', ...namedSchema(format.format.value), strict: format.format.value.strict } } };
}
