import { arrayOf, isObject, objectOf, parseJson, stringOf, type JsonObject } from '../kit/json.ts';
import { isTooHeavy } from '../kit/json-weight.ts';
import type { Parts } from '../kit/parts.ts';
import { ErrorClass, ProviderError, type ProviderEvent } from '../provider.ts';

const NOTHING: readonly ProviderEvent[] = [];

/** The longest input of a tool that Anthropic runs itself, and the most citations of a text. */
const MAX_KEPT_CHARS = 1024 * 1024;

const metadataOf = (fields: JsonObject): Readonly<Record<string, string>> => ({ anthropic: JSON.stringify(fields) });

const isEmptyObject = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 0;

/**
 * One content block of an answer. Texts, thoughts and calls of the caller's tools become parts. All other blocks (tools that
 * Anthropic runs itself, and their results) become empty text parts whose metadata holds the block, so that it can go back.
 */
export class AnswerBlock {
  readonly #start: JsonObject;
  /** Its position among the blocks: tells the answer's tool calls apart. */
  readonly #position: number;
  readonly #citations: unknown[];
  #citedChars = 0;
  #inputJson = '';
  #content: unknown;
  #stopped = false;

  constructor(start: JsonObject, position: number) {
    this.#start = start;
    this.#position = position;
    this.#citations = [...arrayOf(start['citations'])];
  }

  start(parts: Parts): readonly ProviderEvent[] {
    const { type, text, thinking, signature, data, id, name, caller } = this.#start;
    switch (type) {
      case 'text':
        return typeof text === 'string' && text !== '' ? [parts.text(text)] : NOTHING;
      case 'thinking': {
        const piece = { text: stringOf(thinking) ?? '', signature: stringOf(signature) ?? '' };
        return piece.text === '' && piece.signature === '' ? NOTHING : [parts.reasoning(piece)];
      }
      case 'redacted_thinking':
        return typeof data === 'string' ? [parts.reasoning({ redactedData: Buffer.from(data, 'utf8') })] : NOTHING;
      case 'tool_use': {
        // A call that a program of Anthropic's makes has to name it when it goes back.
        const special = isObject(caller) && caller['type'] !== 'direct';
        return parts.toolCall({ index: this.#position, id: stringOf(id), name: stringOf(name), metadata: special ? metadataOf({ caller }) : undefined });
      }
      default:
        return NOTHING;
    }
  }

  read(delta: JsonObject, parts: Parts): readonly ProviderEvent[] {
    switch (delta['type']) {
      case 'text_delta': {
        const text = delta['text'];
        return typeof text === 'string' && text !== '' ? [parts.text(text)] : NOTHING;
      }
      case 'thinking_delta': {
        const text = delta['thinking'];
        return typeof text === 'string' && text !== '' ? [parts.reasoning({ text })] : NOTHING;
      }
      case 'signature_delta': {
        const signature = delta['signature'];
        return typeof signature === 'string' && signature !== '' ? [parts.reasoning({ signature })] : NOTHING;
      }
      case 'input_json_delta':
        return this.#readInput(stringOf(delta['partial_json']) ?? '', parts);
      case 'citations_delta':
        if (delta['citation'] !== undefined) this.#cite(delta['citation']);
        return NOTHING;
      case 'compaction_delta':
        this.#content = delta['content'];
        return NOTHING;
      default:
        return NOTHING;
    }
  }

  /** The block is whole. Tells what could not be told before; the second time nothing. */
  stop(parts: Parts): readonly ProviderEvent[] {
    if (this.#stopped) return NOTHING;
    this.#stopped = true;
    switch (this.#start['type']) {
      case 'text':
        return this.#citations.length === 0 ? NOTHING : [parts.text('', { metadata: metadataOf({ citations: this.#citations }) })];
      case 'tool_use':
        return this.#wholeInput(parts);
      case 'thinking':
      case 'redacted_thinking':
      case undefined:
        return NOTHING;
      default:
        parts.close();
        return [parts.text('', { metadata: metadataOf({ block: this.#wholeBlock() }) })];
    }
  }

  #readInput(fragment: string, parts: Parts): readonly ProviderEvent[] {
    if (fragment === '') return NOTHING;
    const isCall = this.#start['type'] === 'tool_use';
    // A call's arguments leave as they come; those of Anthropic's own tools are kept for the whole block.
    this.#inputJson = isCall ? fragment : this.#inputJson + fragment;
    if (!isCall && this.#inputJson.length > MAX_KEPT_CHARS) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'the provider sent an input of its own tool that has no end');
    return isCall ? parts.toolCall({ index: this.#position, fragment }) : NOTHING;
  }

  /** Arguments that came with the block's start, and not in pieces. */
  #cite(citation: unknown): void {
    this.#citedChars += JSON.stringify(citation).length;
    if (this.#citedChars > MAX_KEPT_CHARS) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'the provider sent citations that have no end');
    this.#citations.push(citation);
  }

  #wholeInput(parts: Parts): readonly ProviderEvent[] {
    const input = this.#start['input'];
    if (this.#inputJson !== '' || input === undefined || input === null || isEmptyObject(input)) return NOTHING;
    return parts.toolCall({ index: this.#position, fragment: typeof input === 'string' ? input : JSON.stringify(input) });
  }

  #wholeBlock(): JsonObject {
    const input = this.#inputJson === '' || isTooHeavy(this.#inputJson) ? undefined : objectOf(parseJson(this.#inputJson));
    return { ...this.#start, ...(input === undefined ? {} : { input }), ...(this.#content === undefined ? {} : { content: this.#content }) };
  }
}
