import { Role, type Image, type Message, type Part, type Reasoning } from '../../gen/tollgate/v1/content.ts';
import { isObject, parseJson, type JsonObject } from '../kit/json.ts';
import { jsonObjectField } from '../kit/json-object-field.ts';
import { unsupported } from '../provider.ts';

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: JsonObject[];
}

/** What Anthropic calls a conversation: the system's blocks stand apart from the turns. */
export interface Conversation {
  readonly system: readonly JsonObject[];
  readonly messages: readonly JsonObject[];
}

/** Anthropic takes letters, digits, `_` and `-`; other providers' ids have more. */
const toolId = (id: string): string => id.replaceAll(/[^a-zA-Z0-9_-]/g, '_');

function imageBlock({ source, mediaType }: Image): JsonObject {
  if (source?.$case === 'url') return { type: 'image', source: { type: 'url', url: source.value } };
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data: source?.value.toString('base64') ?? '' } };
}

/** A thought goes back only with Anthropic's proof that it is its own. */
function reasoningBlock({ providerType, text, signature, redactedData }: Reasoning): JsonObject | undefined {
  if (providerType !== 'anthropic') return undefined;
  if (redactedData.length > 0) return { type: 'redacted_thinking', data: redactedData.toString('utf8') };
  return signature === '' ? undefined : { type: 'thinking', thinking: text, signature };
}

function plainBlock({ part }: Part, path: string): JsonObject | undefined {
  switch (part?.$case) {
    case 'text':
    case 'refusal':
      return { type: 'text', text: part.value };
    case 'image':
      return imageBlock(part.value);
    case 'reasoning':
      return reasoningBlock(part.value);
    case 'toolCall': {
      const { id, name, argumentsJson } = part.value;
      return { type: 'tool_use', id: toolId(id), name, input: argumentsJson === '' ? {} : jsonObjectField(argumentsJson, `${path}.tool_call.arguments_json`) };
    }
    case 'toolResult': {
      const { toolCallId, content, isError } = part.value;
      return { type: 'tool_result', tool_use_id: toolId(toolCallId), ...(content === '' ? {} : { content: [{ type: 'text', text: content }] }), ...(isError ? { is_error: true } : {}) };
    }
    default:
      return undefined;
  }
}

/** What this plugin put into a part's metadata, or the caller: `{"block": …}` is the whole block, all else are fields of it. */
function metadataOf(part: Part, path: string): JsonObject {
  const text = part.providerMetadataJson['anthropic'];
  if (text === undefined || text === '') return {};
  const metadata = parseJson(text);
  if (!isObject(metadata)) throw unsupported(`${path}.provider_metadata_json["anthropic"]`, 'this is not a JSON object');
  return metadata;
}

function blockOf(part: Part, path: string): JsonObject | undefined {
  const { block, ...fields } = metadataOf(part, path);
  if (isObject(block)) return block;
  const plain = plainBlock(part, path);
  return plain === undefined ? undefined : { ...plain, ...fields };
}

/** Anthropic refuses them, and models do write them. */
const isBlank = (block: JsonObject): boolean => block['type'] === 'text' && typeof block['text'] === 'string' && block['text'].trim() === '';

/** What a tool message says beside its results belongs to the result before it. */
function toolBlocks(blocks: readonly JsonObject[]): readonly JsonObject[] {
  const results: JsonObject[] = [];
  const others: JsonObject[] = [];
  for (const block of blocks) {
    const last = results.at(-1);
    if (block['type'] === 'tool_result') results.push(block);
    else if (last === undefined) others.push(block);
    else results[results.length - 1] = { ...last, content: [...(Array.isArray(last['content']) ? last['content'] : []), block] };
  }
  return [...results, ...others];
}

/** Anthropic wants the answers to its calls before anything else of the turn. */
const resultsFirst = (content: readonly JsonObject[]): readonly JsonObject[] => [
  ...content.filter((block) => block['type'] === 'tool_result'),
  ...content.filter((block) => block['type'] !== 'tool_result'),
];

/** Puts messages into Anthropic's form: the system apart, turns of one role merged. */
export function conversationOf(messages: readonly Message[]): Conversation {
  const system: JsonObject[] = [];
  const turns: Turn[] = [];
  for (const [at, message] of messages.entries()) {
    const all = message.parts.map((part, index) => blockOf(part, `messages[${at}].parts[${index}]`)).filter((block) => block !== undefined);
    const written = all.filter((block) => !isBlank(block));
    if (message.role === Role.SYSTEM) {
      system.push(...written);
      continue;
    }
    const role = message.role === Role.ASSISTANT ? 'assistant' : 'user';
    // A person's blank message stays: leaving it out would change who speaks.
    const blocks = written.length === 0 && role === 'user' ? all : written;
    const content = message.role === Role.TOOL ? toolBlocks(blocks) : blocks;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else if (content.length > 0) turns.push({ role, content: [...content] });
  }
  return { system, messages: turns.map(({ role, content }) => ({ role, content: role === 'user' ? resultsFirst(content) : content })) };
}
