import { Role, type Message, type Part } from '../../gen/tollgate/v1/content.ts';
import { unsupported } from '../provider.ts';
import type { JsonObject } from './json.ts';
import { imageUrl } from './openai-chat-messages.ts';
import type { ResponsesDialect } from './openai-responses-dialect.ts';
import { assistantItems } from './openai-responses-turn.ts';

/** The messages of a request as the items of the API, in order. `type` is the plugin's: whose metadata goes back. */
export const responsesInput = (messages: readonly Message[], dialect: ResponsesDialect, type: string): readonly unknown[] =>
  messages.flatMap((message, at): readonly unknown[] => {
    const path = `messages[${at}]`;
    switch (message.role) {
      case Role.SYSTEM:
        return [{ role: dialect.systemRole ?? 'system', content: contentOf(message.parts, path) }];
      case Role.USER:
        return [{ role: 'user', content: contentOf(message.parts, path) }];
      case Role.ASSISTANT:
        return assistantItems(message.parts, path, type);
      case Role.TOOL:
        return toolOutputs(message.parts, path);
      default:
        throw unsupported(`${path}.role`, 'nobody speaks in this message');
    }
  });

/** One text as it is, anything else as a list. */
function contentOf(parts: readonly Part[], path: string): unknown {
  const [only] = parts;
  if (parts.length === 1 && only?.part?.$case === 'text') return only.part.value;
  return parts.map((part, at) => inputPart(part, `${path}.parts[${at}]`));
}

function inputPart({ part }: Part, path: string): JsonObject {
  if (part?.$case === 'text') return { type: 'input_text', text: part.value };
  if (part?.$case === 'image') return { type: 'input_image', image_url: imageUrl(part.value, path) };
  throw unsupported(path, 'it cannot be sent in this role');
}

/** What a tool message says beside its results belongs to the result before it. */
function toolOutputs(parts: readonly Part[], path: string): readonly JsonObject[] {
  const outputs: { readonly callId: string; readonly text: string; readonly more: JsonObject[] }[] = [];
  for (const [at, each] of parts.entries()) {
    const last = outputs.at(-1);
    const { part } = each;
    // There is no field for a tool's failure: its text says it.
    if (part?.$case === 'toolResult') outputs.push({ callId: part.value.toolCallId, text: part.value.content, more: [] });
    else if (last === undefined) throw unsupported(`${path}.parts[${at}]${part?.$case === 'image' ? '.image' : ''}`, 'this provider takes it only behind the tool result that it belongs to');
    else last.more.push(inputPart(each, `${path}.parts[${at}]`));
  }
  return outputs.map(({ callId, text, more }) => ({
    type: 'function_call_output',
    call_id: callId,
    output: more.length === 0 ? text : [...(text === '' ? [] : [{ type: 'input_text', text }]), ...more],
  }));
}
