import { FinishReason } from '../../gen/tollgate/v1/content.ts';
import { ErrorClass, finish, ProviderError, reasoningDelta, textDelta, toolCallDelta, type ProviderEvent, type TokenUsage } from '../provider.ts';
import { clip } from './clip.ts';
import { arrayOf, isObject, objectOf, stringOf, wordOf, type JsonObject } from './json.ts';
import type { ChatDialect, Keepsake } from './openai-chat-dialect.ts';
import { addUsage, chatCost, chatUsage } from './openai-chat-usage.ts';
import { Parts } from './parts.ts';
import { answerError, isErrorBody, truncated } from './provider-answer-error.ts';
import type { AnswerReader } from './stream-answer.ts';
import { redact } from './redact.ts';

export interface ChatAnswerContext {
  /** The plugin's type: the key of what it keeps in `provider_metadata_json`. */
  readonly type: string;
  /** The provider's key; cut out of every message. */
  readonly key: string;
  /** The answer's HTTP headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the request's body asked as the most tokens of the answer. */
  readonly maxTokens: number | undefined;
}

const FINISH_WORDS: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  eos: FinishReason.STOP,
  eos_token: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  length: FinishReason.LENGTH,
  model_length: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  tool_calls: FinishReason.TOOL_CALL,
  function_call: FinishReason.TOOL_CALL,
  content_filter: FinishReason.CONTENT_FILTER,
  sensitive: FinishReason.CONTENT_FILTER,
};

/** Finish words that tell a failure, not an end. */
const FAILURE_WORDS: ReadonlyMap<string, ErrorClass> = new Map([
  ['error', ErrorClass.INVALID_RESPONSE],
  ['insufficient_system_resource', ErrorClass.OVERLOADED],
  ['network_error', ErrorClass.SERVER],
]);

/** The most bytes of a finish reason, a model's name or a request's id that are passed on. */
const MAX_WORD_BYTES = 512;

const REASONING_FIELDS: readonly string[] = ['reasoning_content', 'reasoning'];

/** Which part carries what has to come back: a thought, else a tool call, else text. */
const ANCHOR_RANK: Readonly<Partial<Record<ProviderEvent['$case'], number>>> = { reasoningDelta: 3, toolCallDelta: 2, textDelta: 1 };

const anchorRank = ({ $case }: ProviderEvent): number => ANCHOR_RANK[$case] ?? 0;

const notTheDialect = (what: string, usage?: TokenUsage): ProviderError => new ProviderError(ErrorClass.INVALID_RESPONSE, `the provider's answer ${what}`, { usage });

/** Reads one answer of the dialect: SSE events as they come, or one JSON body. Keeps what only its end can tell. */
export class ChatAnswer implements AnswerReader {
  readonly #dialect: ChatDialect;
  readonly #context: ChatAnswerContext;
  readonly #reasoningFields: readonly string[];
  readonly #keepsake: Keepsake | undefined;
  readonly #parts = new Parts();
  #anchor: ProviderEvent | undefined;
  #something = false;
  #choice: unknown;
  #word = '';
  #done = false;
  #unread = false;
  #model = '';
  #id = '';
  #usage: TokenUsage | undefined;
  #cost: bigint | undefined;

  constructor(dialect: ChatDialect, context: ChatAnswerContext) {
    this.#dialect = dialect;
    this.#context = context;
    this.#reasoningFields = dialect.reasoningFields ?? REASONING_FIELDS;
    this.#keepsake = dialect.keepsake?.();
  }

  /** Whether the answer is whole: what comes after is not needed. */
  get isWhole(): boolean {
    return this.#word !== '' || this.#done;
  }

  /** Whether the provider said that nothing more will come. */
  get isOver(): boolean {
    return this.#done;
  }

  /** What the provider has reported so far. */
  get usage(): TokenUsage | undefined {
    return this.#usage;
  }

  /** Reads one SSE event; its deltas are appended to `out`. Throws when it tells an error. */
  event(name: string | undefined, data: string, out: ProviderEvent[]): void {
    if (this.#done || data === '') return;
    if (data.startsWith('[DONE]')) {
      this.#done = true;
      return;
    }
    if (this.#unread) throw notTheDialect('has an event that is not JSON', this.#usage);
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      if (name === 'error') throw this.#error(data);
      // Not yet an error: the last event of a cut answer looks like this.
      this.#unread = true;
      return;
    }
    this.#chunk(value, out, name === 'error');
  }

  /** Reads an answer that came as one JSON body. */
  body(value: unknown, out: ProviderEvent[]): void {
    this.#chunk(value, out, false);
    this.#done = true;
  }

  /** What only the end tells: completed tool calls, what has to come back, the finish. Throws when the answer is not whole. */
  end(out: ProviderEvent[]): void {
    if (!this.isWhole) throw truncated(this.#usage);
    const failure = FAILURE_WORDS.get(this.#word);
    if (failure !== undefined) throw new ProviderError(failure, `the provider ended the answer with "${this.#word}"`, { code: this.#word, usage: this.#usage });
    if (this.#word === '' && !this.#something) throw notTheDialect('holds neither content nor a finish reason', this.#usage);
    out.push(...this.#parts.completeToolCalls());
    this.#keep(out);
    out.push(
      finish({
        finishReason: this.#finishReason(),
        rawFinishReason: this.#short(this.#word),
        responseModel: this.#short(this.#model),
        // A connection that broke before the sum came leaves increments, and who knows how many of them.
        usage: this.#done || this.#dialect.usage !== 'increments' ? this.#usage : undefined,
        reportedCostPicoUsd: this.#cost,
        providerRequestId: this.#short(this.#context.headers[this.#dialect.requestIdHeader ?? 'x-request-id'] ?? this.#id),
      }),
    );
  }

  /** A word of the provider's own: servers echo keys everywhere, and some words have no end. */
  #short(word: string): string {
    return redact(clip(word, MAX_WORD_BYTES), this.#context.key);
  }

  #finishReason(): FinishReason {
    const { unsaidFinish } = this.#dialect;
    const unsaid = unsaidFinish === undefined ? FinishReason.OTHER : unsaidFinish(this.#usage, this.#context.maxTokens);
    const reason = this.#word === '' ? unsaid : Object.hasOwn(FINISH_WORDS, this.#word) ? FINISH_WORDS[this.#word] : undefined;
    // Servers say "stop" also where the model stopped for a tool.
    return reason === FinishReason.STOP && this.#parts.hasToolCalls ? FinishReason.TOOL_CALL : (reason ?? FinishReason.OTHER);
  }

  #error(body: unknown): ProviderError {
    const { key, headers } = this.#context;
    return answerError(body, { key, headers, codes: this.#dialect.codes, status: 200, usage: this.#usage });
  }

  #chunk(value: unknown, out: ProviderEvent[], isError: boolean): void {
    const raw = Array.isArray(value) ? value[0] : value;
    if (raw === null && !isError) return;
    if (!isObject(raw)) throw isError ? this.#error(value) : notTheDialect('is not an object');
    const chunk = this.#dialect.normalise === undefined ? raw : this.#dialect.normalise(raw);
    const choices = chunk['choices'];
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
    const said = isObject(choice) ? choice : undefined;
    const usage = chunk['usage'] ?? said?.['usage'];
    if (isObject(usage)) this.#count(usage);
    if (isError || isErrorBody(chunk)) throw this.#error(chunk);
    if (typeof chunk['model'] === 'string' && chunk['model'] !== '') this.#model = chunk['model'];
    if (this.#id === '') this.#id = stringOf(chunk['id']) ?? '';
    if (said !== undefined) this.#read(said, out);
  }

  #count(raw: JsonObject): void {
    const usage = chatUsage(raw);
    if (usage !== undefined) this.#usage = this.#dialect.usage === 'increments' ? addUsage(this.#usage, usage) : usage;
    this.#cost = chatCost(raw) ?? this.#cost;
  }

  #read(choice: JsonObject, out: ProviderEvent[]): void {
    const index = choice['index'];
    if (typeof index === 'number') {
      // Of several answers to one question the first one counts.
      this.#choice ??= index;
      if (index !== this.#choice) return;
    }
    const { delta, message } = choice;
    // Some servers repeat the whole message beside each delta: it counts only where there are no deltas.
    if (isObject(delta)) this.#delta(delta, out, false);
    else if (isObject(message) && !this.#something) this.#delta(message, out, true);
    const word = choice['finish_reason'];
    if (typeof word === 'string' && word !== '') this.#word = word;
  }

  #delta(delta: JsonObject, out: ProviderEvent[], whole: boolean): void {
    for (const field of this.#reasoningFields) {
      const thought = delta[field];
      if (typeof thought !== 'string' || thought === '') continue;
      this.#push(this.#parts.reasoning({ text: thought }), out);
      break;
    }
    this.#keepsake?.add(delta);
    const content = delta['content'];
    if (typeof content === 'string') this.#text(content, out);
    else if (Array.isArray(content)) for (const piece of content) this.#contentPiece(piece, out);
    const refusal = delta['refusal'];
    if (typeof refusal === 'string' && refusal !== '') this.#push(this.#parts.text(refusal, { refusal: true }), out);
    const calls = delta['tool_calls'];
    if (Array.isArray(calls)) for (const [at, call] of calls.entries()) if (isObject(call)) this.#toolCall(call, whole ? at : undefined, out);
    const legacy = delta['function_call'];
    if (isObject(legacy)) this.#toolCall({ index: 0, function: legacy }, 0, out);
  }

  #text(text: string, out: ProviderEvent[]): void {
    if (text !== '') this.#push(this.#parts.text(text), out);
  }

  /** Content as a list: `{type: "text", text}` and `{type: "thinking", thinking: [{type: "text", text}]}`. */
  #contentPiece(piece: unknown, out: ProviderEvent[]): void {
    if (!isObject(piece)) return;
    if (piece['type'] !== 'thinking') return this.#text(stringOf(piece['text']) ?? '', out);
    const { thinking } = piece;
    const texts = typeof thinking === 'string' ? [thinking] : arrayOf(thinking).map((thought) => stringOf(objectOf(thought)?.['text']) ?? '');
    for (const text of texts) if (text !== '') this.#push(this.#parts.reasoning({ text }), out);
  }

  #toolCall(call: JsonObject, at: number | undefined, out: ProviderEvent[]): void {
    const named = objectOf(call['function']) ?? call;
    const id = wordOf(call['id']);
    const name = wordOf(named['name']);
    const written = named['arguments'];
    const fragment = typeof written === 'string' ? written : isObject(written) ? JSON.stringify(written) : '';
    // Servers close a call with a piece that holds nothing.
    if (id === undefined && name === undefined && fragment === '') return;
    this.#something = true;
    const index = typeof call['index'] === 'number' ? call['index'] : undefined;
    for (const event of this.#parts.toolCall({ index: at ?? index, id, name, fragment })) this.#push(event, out);
  }

  #push(event: ProviderEvent, out: ProviderEvent[]): void {
    this.#something = true;
    out.push(event);
    if (this.#keepsake === undefined) return;
    if (this.#anchor === undefined || anchorRank(event) > anchorRank(this.#anchor)) this.#anchor = event;
  }

  #keep(out: ProviderEvent[]): void {
    const json = this.#keepsake?.json();
    if (json === undefined) return;
    const metadata = { [this.#context.type]: json };
    const anchor = this.#anchor;
    if (anchor?.$case === 'reasoningDelta') out.push(reasoningDelta({ ...anchor.value, text: '', providerMetadataJson: metadata }));
    else if (anchor?.$case === 'toolCallDelta') out.push(toolCallDelta({ ...anchor.value, id: '', name: '', argumentsJsonFragment: '', providerMetadataJson: metadata }));
    else if (anchor?.$case === 'textDelta') out.push(textDelta({ ...anchor.value, text: '', providerMetadataJson: metadata }));
    else out.push(this.#parts.reasoning({ metadata }));
  }
}
