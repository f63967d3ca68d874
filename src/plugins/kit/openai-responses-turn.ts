import type { Part } from '../../gen/tollgate/v1/content.ts';
import { unsupported } from '../provider.ts';
import { arrayOf, isObject, parseJson, rawJson, stringOf, type JsonObject } from './json.ts';

/** What one part of an assistant's turn is made into: an item that goes back as it came, a call, or a piece of a message. */
type Piece =
  | { readonly kind: 'item'; readonly item: unknown; readonly isThought: boolean }
  | { readonly kind: 'call'; readonly call: JsonObject; readonly kept: JsonObject }
  | { readonly kind: 'content'; readonly content: JsonObject; readonly kept: JsonObject };

/** An assistant's turn as the items of the Responses API. `type` is the plugin's: whose metadata goes back. */
export function assistantItems(parts: readonly Part[], path: string, type: string): readonly unknown[] {
  const pieces = parts.flatMap((part, at) => pieceOf(part, `${path}.parts[${at}]`, type));
  const last = pieces.findLastIndex((piece) => piece.kind !== 'item' || !piece.isThought);
  // A thought without the item that followed it is refused: the last ones of an answer that was cut off in its thoughts.
  return itemsOf(pieces.slice(0, last + 1));
}

function pieceOf(each: Part, path: string, type: string): readonly Piece[] {
  const { part } = each;
  const json = each.providerMetadataJson[type] ?? '';
  const kept = json === '' ? {} : parseJson(json);
  if (!isObject(kept)) throw unsupported(`${path}.provider_metadata_json["${type}"]`, 'this is not a JSON object');
  if (typeof kept['type'] === 'string') return [{ kind: 'item', item: rawJson(json), isThought: kept['type'] === 'reasoning' }];
  switch (part?.$case) {
    case 'text':
      return part.value === '' ? [] : [{ kind: 'content', content: { type: 'output_text', text: part.value }, kept }];
    case 'refusal':
      return part.value === '' ? [] : [{ kind: 'content', content: { type: 'refusal', refusal: part.value }, kept }];
    case 'toolCall': {
      const { id, name, argumentsJson } = part.value;
      return [{ kind: 'call', call: { call_id: id, name, arguments: argumentsJson === '' ? '{}' : argumentsJson }, kept }];
    }
    case 'reasoning':
      // Without its item a thought is nothing that the provider could read.
      return [];
    default:
      throw unsupported(path, 'it cannot be sent in this role');
  }
}

function itemsOf(pieces: readonly Piece[]): readonly unknown[] {
  const items: unknown[] = [];
  let thought = false;
  let message: { readonly kept: JsonObject; readonly content: JsonObject[] } | undefined;
  for (const piece of pieces) {
    if (piece.kind === 'content') {
      if (message === undefined || !areOneMessage(message.kept, piece.kept)) {
        message = { kept: piece.kept, content: [] };
        items.push(messageItem(message.kept, message.content, thought));
      }
      message.content.push(thought ? withAnnotations(piece.content, piece.kept) : piece.content);
      continue;
    }
    message = undefined;
    if (piece.kind === 'item') {
      items.push(piece.item);
      thought ||= piece.isThought;
    } else {
      const { id, ...others } = piece.kept;
      // By its id the provider asks for the thought that came before it: where that is missing, the call goes without.
      items.push({ type: 'function_call', ...(thought && id !== undefined ? { id } : {}), ...others, ...piece.call });
    }
  }
  return items;
}

const hasId = ({ id }: JsonObject): boolean => typeof id === 'string';

/** The provider's own texts have a list of sources, an empty one too. */
const withAnnotations = (content: JsonObject, kept: JsonObject): JsonObject =>
  content['type'] === 'output_text' && hasId(kept) ? { ...content, annotations: arrayOf(kept['annotations']) } : content;

const areOneMessage = (a: JsonObject, b: JsonObject): boolean => a['id'] === b['id'] && a['phase'] === b['phase'];

/** With its id a message is the provider's own, and has all its fields; without, it is only somebody's words. */
function messageItem(kept: JsonObject, content: readonly JsonObject[], thought: boolean): JsonObject {
  const phase = stringOf(kept['phase']);
  const common = { role: 'assistant', ...(phase === undefined ? {} : { phase }), content };
  return thought && hasId(kept) ? { type: 'message', id: kept['id'], status: 'completed', ...common } : common;
}
