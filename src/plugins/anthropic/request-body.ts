import { ToolChoice_Mode, type ResponseFormat, type Tool, type ToolChoice } from '../../gen/tollgate/v1/content.ts';
import { mergeJson, type JsonObject } from '../kit/json.ts';
import { jsonObjectField } from '../kit/json-object-field.ts';
import { providerOptions } from '../kit/provider-options.ts';
import { unsupported, type GenerateRequest } from '../provider.ts';
import { conversationOf } from './message-blocks.ts';
import { traitsOf, type ModelTraits } from './model-traits.ts';

export interface RequestBody {
  readonly body: JsonObject;
  /** Fields of the request that the model does not take. */
  readonly ignoredFields: readonly string[];
}

interface Fields {
  readonly fields: JsonObject;
  readonly ignored: readonly string[];
}

interface ReasoningFields extends Fields {
  /** Whether the model is asked to think. */
  readonly thinks: boolean;
}

const noThought = (fields: JsonObject, ...ignored: readonly string[]): ReasoningFields => ({ fields, ignored, thinks: false });

/** Anthropic's least budget for thinking. */
const MIN_BUDGET = 1024;

/** An effort as a share of max_tokens, for models that know budgets only. */
const BUDGET_SHARES: ReadonlyMap<string, number> = new Map([
  ['minimal', 0],
  ['low', 1 / 8],
  ['medium', 1 / 4],
  ['high', 1 / 2],
  ['xhigh', 3 / 4],
  ['max', 3 / 4],
]);

/** Undefined when no budget fits: thinking then stays off, which is within every limit. */
function budgetOf(effort: string, limit: number | undefined, maxTokens: number): number | undefined {
  const share = effort === '' ? 1 : BUDGET_SHARES.get(effort);
  if (share === undefined) throw unsupported('reasoning.effort', `this model takes a budget of tokens; of the words it can be made from ${[...BUDGET_SHARES.keys(), 'none'].join(', ')}`);
  const budget = Math.min(Math.max(MIN_BUDGET, Math.floor(maxTokens * share)), limit ?? maxTokens, maxTokens - 1);
  return budget < MIN_BUDGET ? undefined : budget;
}

function budgetFields(effort: string, limit: number | undefined, maxTokens: number, more: JsonObject = {}): ReasoningFields {
  const budget = budgetOf(effort, limit, maxTokens);
  if (budget === undefined) return noThought({}, 'reasoning');
  return { fields: { thinking: { type: 'enabled', budget_tokens: budget }, ...more }, ignored: [], thinks: true };
}

const effortField = (effort: string): JsonObject => (effort === '' ? {} : { output_config: { effort: effort === 'minimal' ? 'low' : effort } });

function reasoningFields(request: GenerateRequest, { thinking }: ModelTraits, maxTokens: number): ReasoningFields {
  const { effort = '', maxReasoningTokens: limit } = request.reasoning ?? {};
  if (effort === '' && limit === undefined) return noThought({});
  const off = effort === 'none' || limit === 0;
  if (thinking === 'none') return off ? noThought({}) : noThought({}, 'reasoning');
  if (thinking === 'always' && off) return { fields: effortField('low'), ignored: ['reasoning'], thinks: true };
  if (off) return noThought({ thinking: { type: 'disabled' } });
  if (thinking === 'budget') return budgetFields(effort, limit, maxTokens);
  if (thinking === 'budget-or-adaptive' && limit !== undefined) return budgetFields('', limit, maxTokens, effortField(effort));
  // The newest models hide the summary of their thoughts unless they are asked for it.
  const display = thinking === 'budget-or-adaptive' ? {} : { display: 'summarized' };
  return { fields: { thinking: { type: 'adaptive', ...display }, ...effortField(effort) }, ignored: limit === undefined ? [] : ['reasoning.max_reasoning_tokens'], thinks: true };
}

function samplingFields({ temperature, topP, topK }: GenerateRequest, { sampling }: ModelTraits, thinks: boolean): Fields {
  const asked: readonly (readonly [string, number | undefined])[] = [['temperature', temperature], ['top_p', topP], ['top_k', topK]];
  const taken = (name: string, value: number): boolean => {
    if (sampling === 'none') return false;
    // A thinking model takes the default temperature only.
    if (thinks) return name === 'temperature' && value === 1;
    // Above 1 lies nothing: left out, the model takes its default, which is 1.
    if (name === 'temperature') return value <= 1;
    return name !== 'top_p' || sampling === 'all' || temperature === undefined;
  };
  const fields: Record<string, number> = {};
  const ignored: string[] = [];
  for (const [name, value] of asked) {
    if (value === undefined) continue;
    if (taken(name, value)) fields[name] = value;
    else ignored.push(name);
  }
  return { fields, ignored };
}

const toolOf = ({ name, description, parametersJson }: Tool, at: number): JsonObject => ({
  name,
  ...(description === '' ? {} : { description }),
  input_schema: parametersJson === '' ? { type: 'object', properties: {} } : jsonObjectField(parametersJson, `tools[${at}].parameters_json`),
});

function toolChoiceOf(choice: ToolChoice['choice']): JsonObject | undefined {
  if (choice?.$case === 'toolName') return { type: 'tool', name: choice.value };
  if (choice?.value === ToolChoice_Mode.NONE) return { type: 'none' };
  return choice?.value === ToolChoice_Mode.REQUIRED ? { type: 'any' } : undefined;
}

function formatOf(format: ResponseFormat['format'], { jsonSchema }: ModelTraits): JsonObject {
  if (format === undefined || format.$case === 'text') return {};
  if (format.$case === 'json') throw unsupported('response_format.json', 'Anthropic has no JSON mode without a schema: send response_format.json_schema');
  if (!jsonSchema) throw unsupported('response_format.json_schema', 'this model takes no JSON Schema; Claude 4.5 and later do');
  return { output_config: { format: { type: 'json_schema', schema: jsonObjectField(format.value.schemaJson, 'response_format.json_schema.schema_json') } } };
}

/** Makes the body of POST /v1/messages. Throws UNSUPPORTED for what Anthropic cannot do. */
export function requestBody(request: GenerateRequest): RequestBody {
  const traits = traitsOf(request.model);
  const maxTokens = request.maxOutputTokens ?? traits.maxOutputTokens;
  const { system, messages } = conversationOf(request.messages);
  const reasoning = reasoningFields(request, traits, maxTokens);
  const sampling = samplingFields(request, traits, reasoning.thinks);
  const toolChoice = toolChoiceOf(request.toolChoice?.choice);
  const body: JsonObject = {
    model: request.model,
    max_tokens: maxTokens,
    stream: true,
    ...(system.length === 0 ? {} : { system }),
    messages,
    ...(request.tools.length === 0 ? {} : { tools: request.tools.map(toolOf) }),
    ...(toolChoice === undefined ? {} : { tool_choice: toolChoice }),
    ...(request.stopSequences.length === 0 ? {} : { stop_sequences: request.stopSequences }),
    ...sampling.fields,
  };
  const extras = [reasoning.fields, formatOf(request.responseFormat?.format, traits), providerOptions(request, 'anthropic')];
  return {
    body: extras.reduce(mergeJson, body),
    ignoredFields: [...sampling.ignored, ...(request.seed === undefined ? [] : ['seed']), ...reasoning.ignored],
  };
}
