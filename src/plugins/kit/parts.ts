import { randomUUID } from 'node:crypto';
import { ErrorClass, ProviderError, reasoningDelta, textDelta, toolCallDelta, type ProviderEvent } from '../provider.ts';

type Metadata = Readonly<Record<string, string>>;

const NO_METADATA: Metadata = Object.freeze({});
const NO_BYTES = Buffer.alloc(0);

/** The most tool calls of one answer. More are not an answer. */
const MAX_TOOL_CALLS = 1024;
/** The longest name or id of a call: some ids hold a whole thought. */
const MAX_WORD_CHARS = 64 * 1024;
/** The most arguments that are held back while the call's name has not come. */
const MAX_HELD_CHARS = 1024 * 1024;

export interface ToolCallPiece {
  /** The provider's own position of the call, when it gives one. */
  readonly index?: number | undefined;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  /** Text to append to the arguments. */
  readonly fragment?: string | undefined;
  readonly metadata?: Metadata | undefined;
}

interface Call {
  readonly providerIndex: number | undefined;
  providerId: string | undefined;
  readonly index: number;
  name: string;
  /** Undefined until the first piece went out: a call is told once its name is known. */
  part: number | undefined;
  held: string;
  hasArguments: boolean;
}

const nonsense = (what: string): ProviderError => new ProviderError(ErrorClass.INVALID_RESPONSE, `the provider sent ${what}`);

const isOther = (known: string | undefined, word: string): boolean => known !== undefined && known !== '' && known !== word;

/**
 * Numbers the parts of an answer and puts its tool calls together, from pieces in any of the providers' dialects. A change
 * between text, refusal and reasoning opens a new part, and so does each tool call.
 */
export class Parts {
  #next = 0;
  #open: 'text' | 'refusal' | 'reasoning' | undefined;
  readonly #calls: Call[] = [];
  readonly #ids = new Set<string>();

  get hasToolCalls(): boolean {
    return this.#calls.length > 0;
  }

  /** Ends the open part: what comes next is a part of its own. */
  close(): void {
    this.#open = undefined;
  }

  text(text: string, options: { refusal?: boolean; metadata?: Metadata | undefined } = {}): ProviderEvent {
    const refusal = options.refusal ?? false;
    return textDelta({ part: this.#enter(refusal ? 'refusal' : 'text'), text, refusal, providerMetadataJson: options.metadata ?? NO_METADATA });
  }

  reasoning(piece: { text?: string; signature?: string; redactedData?: Uint8Array; metadata?: Metadata | undefined }): ProviderEvent {
    return reasoningDelta({
      part: this.#enter('reasoning'),
      text: piece.text ?? '',
      signature: piece.signature ?? '',
      redactedData: piece.redactedData === undefined ? NO_BYTES : Buffer.from(piece.redactedData),
      providerMetadataJson: piece.metadata ?? NO_METADATA,
    });
  }

  /** A piece of a tool call. Nothing is told of a call whose name has not come yet. */
  toolCall(piece: ToolCallPiece): readonly ProviderEvent[] {
    if ((piece.id?.length ?? 0) > MAX_WORD_CHARS || (piece.name?.length ?? 0) > MAX_WORD_CHARS) throw nonsense('a tool call whose name or id has no end');
    const call = this.#callOf(piece);
    const fragment = piece.fragment ?? '';
    if (fragment !== '') call.hasArguments = true;
    if (call.part !== undefined) {
      if (fragment === '' && piece.metadata === undefined) return [];
      return [toolCallDelta({ part: call.part, index: call.index, id: '', name: '', argumentsJsonFragment: fragment, providerMetadataJson: piece.metadata ?? NO_METADATA })];
    }
    if (call.held.length + fragment.length > MAX_HELD_CHARS) throw nonsense('a tool call without a name');
    call.held += fragment;
    call.providerId ??= piece.id;
    if (piece.name !== undefined && piece.name !== '') call.name = piece.name;
    if (call.name === '') return [];
    return [this.#tell(call, piece.metadata ?? NO_METADATA)];
  }

  /** Completes calls without arguments, which are "{}". A call whose name never came is nonsense. */
  completeToolCalls(): readonly ProviderEvent[] {
    return this.#calls.flatMap((call) => {
      if (call.part === undefined) throw nonsense('a tool call without a name');
      if (call.hasArguments) return [];
      call.hasArguments = true;
      return [toolCallDelta({ part: call.part, index: call.index, id: '', name: '', argumentsJsonFragment: '{}', providerMetadataJson: NO_METADATA })];
    });
  }

  #enter(kind: 'text' | 'refusal' | 'reasoning'): number {
    if (this.#open !== kind) {
      this.#open = kind;
      this.#next++;
    }
    return this.#next - 1;
  }

  #tell(call: Call, metadata: Metadata): ProviderEvent {
    this.#open = undefined;
    const part = this.#next++;
    call.part = part;
    const argumentsJsonFragment = call.held;
    call.held = '';
    return toolCallDelta({ part, index: call.index, id: this.#idFor(call), name: call.name, argumentsJsonFragment, providerMetadataJson: metadata });
  }

  #idFor(call: Call): string {
    const own = call.providerId;
    const id = own === undefined || own === '' || this.#ids.has(own) ? `call_${randomUUID().replaceAll('-', '')}` : own;
    this.#ids.add(id);
    return id;
  }

  /** By index where there is one, else by id, else a name begins a new call and anything else goes on with the last. */
  #callOf(piece: ToolCallPiece): Call {
    const id = piece.id === '' ? undefined : piece.id;
    const name = piece.name === '' ? undefined : piece.name;
    const last = this.#calls.at(-1);
    if (piece.index !== undefined) {
      const same = this.#calls.findLast((call) => call.providerIndex === piece.index);
      // Some servers give every call the index 0: another id, or another name without any id, is another call.
      const another = same !== undefined && name !== undefined && (id === undefined ? isOther(same.name, name) : isOther(same.providerId, id));
      return same === undefined || another ? this.#begin(piece, id) : same;
    }
    if (id !== undefined) {
      const same = this.#calls.findLast((call) => call.providerId === id);
      // Some servers give two calls one id: another name is another call.
      if (same !== undefined && (name === undefined || !isOther(same.name, name))) return same;
      return this.#begin(piece, id);
    }
    return name !== undefined || last === undefined ? this.#begin(piece, id) : last;
  }

  #begin(piece: ToolCallPiece, providerId: string | undefined): Call {
    if (this.#calls.length >= MAX_TOOL_CALLS) throw new ProviderError(ErrorClass.INVALID_RESPONSE, `the answer has more than ${MAX_TOOL_CALLS} tool calls`);
    const call: Call = { providerIndex: piece.index, providerId, index: this.#calls.length, name: '', part: undefined, held: '', hasArguments: false };
    this.#calls.push(call);
    return call;
  }
}
