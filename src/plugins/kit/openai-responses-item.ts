import { ErrorClass, ProviderError, reasoningDelta, textDelta, type ProviderEvent } from '../provider.ts';
import { arrayOf, objectOf, stringOf, type JsonObject } from './json.ts';
import type { Parts } from './parts.ts';

type Kind = 'text' | 'refusal' | 'reasoning';
type Metadata = Readonly<Record<string, string>>;

/** The pieces of an item that hold text: each is a part of its own. */
export interface Slot {
  readonly kind: Kind;
  /** Where it stands in the item: a list's name, and the position in it. */
  readonly list: 'content' | 'summary';
  readonly index: number;
}

interface Told extends Slot {
  readonly part: number;
}

/** The most pieces of one item. More are not an answer. */
const MAX_SLOTS = 1024;
/** The longest JSON that is kept with a part: pictures, as some tools make them, would not fit into a response of ours. */
const MAX_KEPT_CHARS = 512 * 1024;

const NO_METADATA: Metadata = Object.freeze({});
const NO_BYTES = Buffer.alloc(0);

const partOf = (event: ProviderEvent): number => (event.$case === 'textDelta' || event.$case === 'reasoningDelta' ? event.value.part : 0);

const deltaOf = ({ part, kind }: Told, text: string, metadata: Metadata): ProviderEvent =>
  kind === 'reasoning'
    ? reasoningDelta({ part, text, signature: '', redactedData: NO_BYTES, providerMetadataJson: metadata })
    : textDelta({ part, text, refusal: kind === 'refusal', providerMetadataJson: metadata });

/**
 * One item of a response's output. Messages, thoughts and calls of the caller's tools become parts; all other items (tools that
 * the provider runs itself) become an empty text part whose metadata holds the item, so that it can go back.
 */
export class ResponsesItem {
  readonly #parts: Parts;
  /** Its position among the items: tells the answer's tool calls apart. */
  readonly #position: number;
  /** The plugin's type: the key of what it keeps in `provider_metadata_json`. */
  readonly #pluginType: string;
  readonly #told: Told[] = [];
  #isCall = false;
  #hasArguments = false;
  #isDone = false;

  constructor(parts: Parts, position: number, pluginType: string) {
    this.#parts = parts;
    this.#position = position;
    this.#pluginType = pluginType;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** The item as it begins. What it holds already is told when it is whole. */
  begin(item: JsonObject, out: ProviderEvent[]): void {
    if (item['type'] === 'function_call') this.#beginCall(item, out);
  }

  say(slot: Slot, text: string, out: ProviderEvent[]): void {
    if (text === '') return;
    const told = this.#told.findLast((each) => each.index === slot.index && each.kind === slot.kind && each.list === slot.list);
    if (told !== undefined) {
      out.push(deltaOf(told, text, NO_METADATA));
      return;
    }
    if (this.#told.length >= MAX_SLOTS) throw new ProviderError(ErrorClass.INVALID_RESPONSE, `an item of the answer has more than ${MAX_SLOTS} pieces`);
    this.#parts.close();
    const event = slot.kind === 'reasoning' ? this.#parts.reasoning({ text }) : this.#parts.text(text, { refusal: slot.kind === 'refusal' });
    this.#told.push({ ...slot, part: partOf(event) });
    out.push(event);
  }

  addArguments(fragment: string, out: ProviderEvent[]): void {
    if (fragment === '') return;
    this.#hasArguments = true;
    out.push(...this.#parts.toolCall({ index: this.#position, fragment }));
  }

  /** The whole item: tells what was not told in pieces, and what has to come back with its parts. */
  finish(item: JsonObject, out: ProviderEvent[]): void {
    if (this.#isDone || typeof item['type'] !== 'string') return;
    this.#isDone = true;
    switch (item['type']) {
      case 'message':
        return this.#finishMessage(item, out);
      case 'reasoning':
        return this.#finishThought(item, out);
      case 'function_call':
        return this.#finishCall(item, out);
      default:
        return this.#finishOther(item, out);
    }
  }

  /** Undefined when it is too long to be kept. */
  #keep(value: JsonObject): Metadata | undefined {
    const json = JSON.stringify(value);
    return json.length > MAX_KEPT_CHARS ? undefined : { [this.#pluginType]: json };
  }

  #finishOther(item: JsonObject, out: ProviderEvent[]): void {
    const metadata = this.#keep(item);
    if (metadata === undefined) return;
    this.#parts.close();
    out.push(this.#parts.text('', { metadata }));
    this.#parts.close();
  }

  #sayUntold(slot: Slot, text: string | undefined, out: ProviderEvent[]): void {
    const isTold = this.#told.some((told) => told.index === slot.index && told.list === slot.list);
    if (!isTold && text !== undefined) this.say(slot, text, out);
  }

  #finishMessage(item: JsonObject, out: ProviderEvent[]): void {
    const content = arrayOf(item['content']).map((piece) => objectOf(piece) ?? {});
    for (const [index, { type, text, refusal }] of content.entries()) {
      if (type === 'refusal') this.#sayUntold({ kind: 'refusal', list: 'content', index }, stringOf(refusal), out);
      else this.#sayUntold({ kind: 'text', list: 'content', index }, stringOf(text), out);
    }
    const { id, phase } = item;
    for (const told of this.#told) {
      const annotations = arrayOf(content[told.index]?.['annotations']);
      const kept = { ...(typeof id === 'string' ? { id } : {}), ...(typeof phase === 'string' ? { phase } : {}), ...(annotations.length > 0 ? { annotations } : {}) };
      const metadata = Object.keys(kept).length === 0 ? undefined : this.#keep(kept);
      if (metadata !== undefined) out.push(deltaOf(told, '', metadata));
    }
  }

  #finishThought(item: JsonObject, out: ProviderEvent[]): void {
    for (const list of ['summary', 'content'] as const) {
      for (const [index, piece] of arrayOf(item[list]).entries()) this.#sayUntold({ kind: 'reasoning', list, index }, stringOf(objectOf(piece)?.['text']), out);
    }
    // With neither of the two it is only an id, and what it stands for was not kept by the provider.
    const canGoBack = (stringOf(item['encrypted_content']) ?? '') !== '' || arrayOf(item['content']).length > 0;
    const metadata = canGoBack ? this.#keep(item) : undefined;
    if (metadata === undefined) return;
    const last = this.#told.at(-1);
    this.#parts.close();
    out.push(last === undefined ? this.#parts.reasoning({ metadata }) : deltaOf(last, '', metadata));
    this.#parts.close();
  }

  #beginCall(item: JsonObject, out: ProviderEvent[]): void {
    if (this.#isCall) return;
    this.#isCall = true;
    out.push(...this.#parts.toolCall({ index: this.#position, id: stringOf(item['call_id']) ?? stringOf(item['id']), name: stringOf(item['name']) }));
  }

  #finishCall(item: JsonObject, out: ProviderEvent[]): void {
    this.#beginCall(item, out);
    if (!this.#hasArguments) this.addArguments(stringOf(item['arguments']) ?? '', out);
    const { type: _type, call_id: _callId, name: _name, arguments: _arguments, status: _status, ...kept } = item;
    const metadata = Object.keys(kept).length === 0 ? undefined : this.#keep(kept);
    if (metadata !== undefined) out.push(...this.#parts.toolCall({ index: this.#position, metadata }));
  }
}
