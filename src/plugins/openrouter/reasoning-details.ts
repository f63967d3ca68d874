import { isObject, type JsonObject } from '../kit/json.ts';
import type { Keepsake } from '../kit/openai-chat-dialect.ts';

/** The fields of which a stream sends pieces, by the type of the detail. Encrypted details come whole. */
const PIECED: Readonly<Record<string, string>> = { 'reasoning.text': 'text', 'reasoning.summary': 'summary' };

type Detail = Record<string, unknown>;

/** Puts `reasoning_details` together from its pieces, to be returned whole with the assistant's turn. */
export class ReasoningDetails implements Keepsake {
  readonly #details: Detail[] = [];

  add(delta: JsonObject): void {
    const pieces = delta['reasoning_details'];
    if (Array.isArray(pieces)) for (const piece of pieces) if (isObject(piece)) this.#addPiece(piece);
  }

  json(): string | undefined {
    return this.#details.length === 0 ? undefined : JSON.stringify(this.#details);
  }

  #addPiece(piece: JsonObject): void {
    const field = typeof piece['type'] === 'string' ? PIECED[piece['type']] : undefined;
    const begun = field === undefined ? undefined : this.#details.findLast((detail) => detail['type'] === piece['type'] && detail['index'] === piece['index']);
    if (field === undefined || begun === undefined || (typeof piece['id'] === 'string' && typeof begun['id'] === 'string' && piece['id'] !== begun['id'])) {
      this.#details.push({ ...piece });
      return;
    }
    const more = piece[field];
    if (typeof more === 'string') begun[field] = typeof begun[field] === 'string' ? begun[field] + more : more;
    // The signature comes with the last piece; an empty or missing field takes nothing back.
    for (const [name, value] of Object.entries(piece)) if (name !== field && value !== null && value !== '') begun[name] = value;
  }
}
