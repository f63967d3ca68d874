import { Role, type Image, type Message, type Part } from '../../gen/tollgate/v1/content.ts';
import { unsupported } from '../provider.ts';
import type { JsonObject } from './json.ts';
import type { ChatDialect } from './openai-chat-dialect.ts';

/** The messages of a request in the dialect's shape, in order. */
export const chatMessages = (messages: readonly Message[], dialect: ChatDialect): readonly JsonObject[] =>
  messages.flatMap((message, at) => {
    const path = `messages[${at}]`;
    switch (message.role) {
      case Role.SYSTEM:
        return [{ role: dialect.systemRole ?? 'system', content: contentOf(message.parts, path, dialect) }];
      case Role.USER:
        return [{ role: 'user', content: contentOf(message.parts, path, dialect) }];
      case Role.ASSISTANT:
        return assistantTurn(message, path, dialect);
      case Role.TOOL:
        return toolResults(message.parts, path, dialect);
      default:
        throw unsupported(`${path}.role`, 'nobody speaks in this message');
    }
  });

/** One text as it is, anything else as a list. */
function contentOf(parts: readonly Part[], path: string, dialect: ChatDialect): unknown {
  const content = parts.map((part, at) => contentPart(part, `${path}.parts[${at}]`, dialect));
  const [only] = content;
  return content.length === 1 && only?.type === 'text' ? only.text : content;
}

function contentPart({ part }: Part, path: string, dialect: ChatDialect): { type: 'text'; text: string } | { type: 'image_url'; image_url: JsonObject } {
  if (part?.$case === 'text') return { type: 'text', text: part.value };
  if (part?.$case !== 'image') throw unsupported(path, 'it cannot be sent in this role');
  if (dialect.refuses?.image !== undefined) throw unsupported(`${path}.image`, dialect.refuses.image);
  return { type: 'image_url', image_url: { url: imageUrl(part.value, path) } };
}

/** A picture's address, or the picture itself as one. */
export function imageUrl({ source, mediaType }: Image, path: string): string {
  if (source?.$case === 'url') return source.value;
  if (source?.$case !== 'data') throw unsupported(`${path}.image`, 'it has neither bytes nor an address');
  const { buffer, byteOffset, byteLength } = source.value;
  return `data:${mediaType};base64,${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}`;
}

function assistantTurn(message: Message, path: string, dialect: ChatDialect): readonly JsonObject[] {
  let text = '';
  let refusal = '';
  const calls: JsonObject[] = [];
  for (const [at, { part }] of message.parts.entries()) {
    if (part?.$case === 'text') text += part.value;
    else if (part?.$case === 'refusal') refusal += part.value;
    else if (part?.$case === 'toolCall') {
      const { id, name, argumentsJson } = part.value;
      calls.push({ id: toolCallId(id, dialect), type: 'function', function: { name, arguments: argumentsJson === '' ? '{}' : argumentsJson } });
    } else if (part?.$case !== 'reasoning') throw unsupported(`${path}.parts[${at}]`, 'it cannot be sent in this role');
  }
  const own = dialect.assistantFields?.(message, path) ?? {};
  const refused = dialect.refusalField === true && refusal !== '';
  const said = refused ? text : text + refusal;
  // A turn of nothing but another provider's thoughts: there is nothing to send.
  if (said === '' && !refused && calls.length === 0 && Object.keys(own).length === 0 && message.parts.some(({ part }) => part?.$case === 'reasoning')) return [];
  return [
    {
      role: 'assistant',
      // Null, not "": servers refuse an empty text beside tool calls.
      content: said === '' && (calls.length > 0 || refused) ? null : said,
      ...(refused ? { refusal } : {}),
      ...own,
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
  ];
}

const toolCallId = (id: string, dialect: ChatDialect): string => (dialect.toolCallId === undefined ? id : dialect.toolCallId(id));

/** The dialect has one message per result, and no field for a tool's failure: its text says it. */
const toolResults = (parts: readonly Part[], path: string, dialect: ChatDialect): readonly JsonObject[] =>
  parts.map(({ part }, at) => {
    if (part?.$case === 'toolResult') return { role: 'tool', tool_call_id: toolCallId(part.value.toolCallId, dialect), content: part.value.content };
    const kind = part?.$case === 'image' ? '.image' : '';
    throw unsupported(`${path}.parts[${at}]${kind}`, 'this provider takes only tool results from a tool: send it in a user message');
  });
