import { Role, type Image, type Message, type Part } from '../../gen/tollgate/v1/content.ts';
import { isObject, parseJson, type JsonObject } from '../kit/json.ts';
import { jsonObjectField } from '../kit/json-object-field.ts';
import { unsupported } from '../provider.ts';
import type { ModelTraits } from './model-traits.ts';

/** What Google calls a conversation: the system's parts stand apart from the turns. */
export interface Conversation {
  readonly system: readonly JsonObject[];
  readonly contents: readonly JsonObject[];
}

interface Turn {
  readonly role: 'user' | 'model';
  readonly parts: JsonObject[];
}

/** What Google's documentation gives for calls that another model made: there is no signature to check. */
const UNSIGNED = 'skip_thought_signature_validator';

const FILES = 'https://generativelanguage.googleapis.com/';

const MEDIA_TYPES: Readonly<Record<string, string>> = { bmp: 'image/bmp', gif: 'image/gif', jpeg: 'image/jpeg', jpg: 'image/jpeg', png: 'image/png', webp: 'image/webp' };

/** Callers in OpenAI's dialect name no media type; Google wants one. */
const mediaTypeOf = (url: string): string | undefined => MEDIA_TYPES[/\.([a-z]+)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase() ?? ''];

function imagePart({ source, mediaType }: Image, path: string, { fetchesUrls }: ModelTraits): JsonObject {
  if (source?.$case !== 'url') return { inlineData: { mimeType: mediaType, data: source?.value.toString('base64') ?? '' } };
  const url = source.value;
  if (!url.startsWith(FILES) && !(fetchesUrls && /^https:/i.test(url))) {
    throw unsupported(`${path}.image.url`, fetchesUrls ? 'Gemini fetches https addresses only: send another one, or the picture itself' : 'this model fetches no addresses: send the picture itself');
  }
  const mimeType = mediaType === '' ? mediaTypeOf(url) : mediaType;
  return { fileData: { fileUri: url, ...(mimeType === undefined ? {} : { mimeType }) } };
}

/** What this plugin put into a part's metadata, or the caller: `{"part": …}` is the whole part, all else are fields of it. */
function metadataOf(part: Part, path: string): JsonObject {
  const text = part.providerMetadataJson['google'];
  if (text === undefined || text === '') return {};
  const metadata = parseJson(text);
  if (!isObject(metadata)) throw unsupported(`${path}.provider_metadata_json["google"]`, 'this is not a JSON object');
  return metadata;
}

/** Google refuses an empty text; one that carries a signature is another thing. */
const isBlank = (part: JsonObject): boolean => part['text'] === '' && part['thoughtSignature'] === undefined;

/** What a tool shows belongs into the result before it. */
function picturesInside(parts: readonly JsonObject[]): JsonObject[] {
  const placed: JsonObject[] = [];
  for (const part of parts) {
    const last = placed.at(-1);
    const result = last?.['functionResponse'];
    if (part['inlineData'] === undefined || !isObject(result)) placed.push(part);
    else placed[placed.length - 1] = { ...last, functionResponse: { ...result, parts: [...(Array.isArray(result['parts']) ? result['parts'] : []), { inlineData: part['inlineData'] }] } };
  }
  return placed;
}

/** Google wants the answers to its calls before anything else of the turn. */
const resultsFirst = (parts: readonly JsonObject[]): readonly JsonObject[] => [
  ...parts.filter((part) => part['functionResponse'] !== undefined),
  ...parts.filter((part) => part['functionResponse'] === undefined),
];

/** The first call of a turn carries the signature for all of them. One that has none came from elsewhere. */
function signed(parts: readonly JsonObject[]): readonly JsonObject[] {
  const calls = parts.filter((part) => part['functionCall'] !== undefined);
  if (calls.some((call) => call['thoughtSignature'] !== undefined)) return parts;
  return parts.map((part) => (part === calls[0] ? { ...part, thoughtSignature: UNSIGNED } : part));
}

/** What the parts before have told. */
interface Context {
  readonly traits: ModelTraits;
  /** By the calls' ids. */
  readonly toolNames: Map<string, string>;
}

function plainPart({ part }: Part, path: string, { traits, toolNames }: Context): JsonObject | undefined {
  switch (part?.$case) {
    case 'text':
    case 'refusal':
      return { text: part.value };
    case 'image':
      return imagePart(part.value, path, traits);
    case 'reasoning': {
      const { providerType, text } = part.value;
      return providerType === 'google' ? { text, thought: true } : undefined;
    }
    case 'toolCall': {
      const { id, name, argumentsJson } = part.value;
      toolNames.set(id, name);
      return { functionCall: { id, name, args: argumentsJson === '' ? {} : jsonObjectField(argumentsJson, `${path}.tool_call.arguments_json`) } };
    }
    case 'toolResult': {
      const { toolCallId: id, content, isError } = part.value;
      const name = toolNames.get(id);
      if (name === undefined) throw unsupported(`${path}.tool_result.tool_call_id`, 'it answers no earlier call, and Gemini wants the name of the tool');
      return { functionResponse: { id, name, response: isError ? { error: content } : { result: content } } };
    }
    default:
      return undefined;
  }
}

function partOf(part: Part, path: string, context: Context): JsonObject | undefined {
  const { part: whole, ...fields } = metadataOf(part, path);
  if (isObject(whole)) return whole;
  const plain = plainPart(part, path, context);
  return plain === undefined ? undefined : { ...plain, ...fields };
}

function turnOf({ role, parts }: Message, path: string, context: Context): Turn {
  const all = parts.map((part, index) => partOf(part, `${path}.parts[${index}]`, context)).filter((part) => part !== undefined);
  const written = all.filter((part) => !isBlank(part));
  if (role === Role.ASSISTANT) return { role: 'model', parts: written };
  // A person's blank message stays: leaving it out would change who speaks.
  const said = written.length === 0 ? all : written;
  return { role: 'user', parts: role === Role.TOOL && context.traits.isThirdGeneration ? picturesInside(said) : said };
}

/** Puts messages into Google's form: the system apart, turns of one role merged. */
export function conversationOf(messages: readonly Message[], traits: ModelTraits): Conversation {
  const context: Context = { traits, toolNames: new Map() };
  const system: JsonObject[] = [];
  const turns: Turn[] = [];
  for (const [at, message] of messages.entries()) {
    const turn = turnOf(message, `messages[${at}]`, context);
    const last = turns.at(-1);
    if (message.role === Role.SYSTEM) system.push(...turn.parts.filter((part) => !isBlank(part)));
    else if (last?.role === turn.role) last.parts.push(...turn.parts);
    else if (turn.parts.length > 0) turns.push(turn);
  }
  const contents = turns.map(({ role, parts }) => {
    if (role === 'user') return { role, parts: resultsFirst(parts) };
    return { role, parts: traits.isThirdGeneration ? signed(parts) : parts };
  });
  return { system, contents };
}
