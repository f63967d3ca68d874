import { Role, ToolChoice_Mode, type Image, type Message, type Part, type ResponseFormat, type Tool } from '../../gen/tollgate/v1/content.ts';
import { jsonObjectField } from '../kit/json-object-field.ts';
import { mergeJson, rawJson, type JsonObject } from '../kit/json.ts';
import { providerOptions } from '../kit/provider-options.ts';
import { unsupported, type GenerateRequest } from '../provider.ts';

export interface RequestBody {
  readonly body: JsonObject;
  /** Fields of the request that Ollama does not know. */
  readonly ignoredFields: readonly string[];
}

const ROLES: ReadonlyMap<Role, string> = new Map([
  [Role.SYSTEM, 'system'],
  [Role.ASSISTANT, 'assistant'],
  [Role.TOOL, 'tool'],
]);

interface Piece {
  readonly part: Part['part'];
  /** Where it stands in the request, for errors. */
  readonly path: string;
}

const pictureOf = ({ source }: Image, path: string): string => {
  if (source?.$case !== 'data') throw unsupported(`${path}.image.url`, 'Ollama fetches no addresses: send the picture itself');
  return source.value.toString('base64');
};

/** One message of Ollama's holds one text, and everything else in lists beside it. */
function messageOf(role: Role, pieces: readonly Piece[], toolNames: Map<string, string>): JsonObject {
  const texts: string[] = [];
  const images: string[] = [];
  const toolCalls: JsonObject[] = [];
  let thinking = '';
  let answers: JsonObject = {};
  for (const { part, path } of pieces) {
    switch (part?.$case) {
      case 'text':
      case 'refusal':
        texts.push(part.value);
        break;
      case 'image':
        images.push(pictureOf(part.value, path));
        break;
      case 'reasoning':
        if (part.value.providerType === 'ollama') thinking += part.value.text;
        break;
      case 'toolCall': {
        const { id, name, argumentsJson } = part.value;
        toolNames.set(id, name);
        toolCalls.push({ id, function: { name, arguments: argumentsJson === '' ? {} : jsonObjectField(argumentsJson, `${path}.tool_call.arguments_json`) } });
        break;
      }
      case 'toolResult': {
        const { toolCallId, content } = part.value;
        texts.push(content);
        answers = { tool_name: toolNames.get(toolCallId), tool_call_id: toolCallId };
      }
    }
  }
  return {
    role: ROLES.get(role) ?? 'user',
    // The model's own pieces are one text; a person's are paragraphs.
    content: texts.join(role === Role.ASSISTANT ? '' : '\n'),
    ...(thinking === '' ? {} : { thinking }),
    ...(images.length === 0 ? {} : { images }),
    ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
    ...answers,
  };
}

/** Each result of a tool is a message of its own, with what stands behind it. */
function groupsOf(pieces: readonly Piece[]): readonly (readonly Piece[])[] {
  const groups: Piece[][] = [];
  for (const piece of pieces) {
    const last = groups.at(-1);
    if (last === undefined || piece.part?.$case === 'toolResult') groups.push([piece]);
    else last.push(piece);
  }
  return groups;
}

function messagesOf(messages: readonly Message[]): readonly JsonObject[] {
  const toolNames = new Map<string, string>();
  return messages.flatMap(({ role, parts }, at) => {
    const pieces = parts.map(({ part }, index) => ({ part, path: `messages[${at}].parts[${index}]` }));
    return groupsOf(pieces).map((group) => messageOf(role, group, toolNames));
  });
}

const toolOf = ({ name, description, parametersJson }: Tool, at: number): JsonObject => ({
  type: 'function',
  function: {
    name,
    ...(description === '' ? {} : { description }),
    parameters: parametersJson === '' ? { type: 'object', properties: {} } : jsonObjectField(parametersJson, `tools[${at}].parameters_json`),
  },
});

/** Ollama always lets the model choose; a model that may call nothing is shown nothing. */
function toolsOf({ tools, toolChoice }: GenerateRequest): JsonObject {
  const choice = toolChoice?.choice;
  if (choice?.$case === 'toolName' || choice?.value === ToolChoice_Mode.REQUIRED) throw unsupported('tool_choice', 'Ollama cannot make a model call a tool: leave the choice to it');
  return tools.length === 0 || choice?.value === ToolChoice_Mode.NONE ? {} : { tools: tools.map(toolOf) };
}

function formatOf(format: ResponseFormat['format']): JsonObject {
  if (format?.$case === 'json') return { format: 'json' };
  return format?.$case === 'jsonSchema' ? { format: jsonObjectField(format.value.schemaJson, 'response_format.json_schema.schema_json') } : {};
}

/** Ollama's four levels; other providers' words for less and more. */
const LEVELS: ReadonlyMap<string, string | boolean> = new Map<string, string | boolean>([
  ['', true],
  ['none', false],
  ['minimal', 'low'],
  ['xhigh', 'max'],
]);

function thinkOf({ reasoning }: GenerateRequest): JsonObject {
  if (reasoning === undefined) return {};
  const { effort, maxReasoningTokens } = reasoning;
  if (maxReasoningTokens === 0) return { think: false };
  return effort === '' && maxReasoningTokens === undefined ? {} : { think: LEVELS.get(effort) ?? effort };
}

function optionsOf({ maxOutputTokens, temperature, topP, topK, seed, stopSequences }: GenerateRequest): JsonObject {
  const options = {
    ...(maxOutputTokens === undefined ? {} : { num_predict: maxOutputTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(topK === undefined ? {} : { top_k: topK }),
    ...(seed === undefined ? {} : { seed: rawJson(seed.toString()) }),
    ...(stopSequences.length === 0 ? {} : { stop: stopSequences }),
  };
  return Object.keys(options).length === 0 ? {} : { options };
}

/** Makes the body of POST /api/chat. Throws UNSUPPORTED for what Ollama cannot do. */
export function requestBody(request: GenerateRequest): RequestBody {
  const limit = request.reasoning?.maxReasoningTokens;
  const body: JsonObject = {
    model: request.model,
    messages: messagesOf(request.messages),
    stream: true,
    // Otherwise a prompt longer than the context loses its beginning without a word.
    truncate: false,
    ...toolsOf(request),
    ...formatOf(request.responseFormat?.format),
    ...thinkOf(request),
    ...optionsOf(request),
  };
  return {
    body: mergeJson(body, providerOptions(request, 'ollama')),
    ignoredFields: limit === undefined || limit === 0 ? [] : ['reasoning.max_reasoning_tokens'],
  };
}
