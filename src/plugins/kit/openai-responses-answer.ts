import { FinishReason } from '../../gen/tollgate/v1/content.ts';
import { ErrorClass, finish, ProviderError, type ProviderEvent, type TokenUsage } from '../provider.ts';
import { clip } from './clip.ts';
import { arrayOf, isObject, objectOf, stringOf, wordOf, type JsonObject } from './json.ts';
import { chatCost, chatUsage } from './openai-chat-usage.ts';
import type { ResponsesDialect } from './openai-responses-dialect.ts';
import { responsesError } from './openai-responses-error.ts';
import { ResponsesItem, type Slot } from './openai-responses-item.ts';
import { Parts } from './parts.ts';
import { isErrorBody, truncated } from './provider-answer-error.ts';
import type { AnswerReader } from './stream-answer.ts';
import { redact } from './redact.ts';

/** The most bytes of a status that an error quotes. */
const MAX_STATUS_BYTES = 64;

export interface ResponsesAnswerContext {
  /** The plugin's type: the key of what it keeps in `provider_metadata_json`. */
  readonly type: string;
  /** The provider's key; cut out of every message. */
  readonly key: string;
  /** The answer's HTTP headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How the provider ended its answer. */
interface Ending {
  /** The response's status. */
  readonly word: string;
  readonly finishReason: FinishReason;
  /** Set when the answer failed, and nobody has said why yet. */
  readonly failure: ProviderError | undefined;
}

/** The most items of one answer. More are not an answer. */
const MAX_ITEMS = 4096;

/** Why an incomplete response is. */
const INCOMPLETE: ReadonlyMap<unknown, FinishReason> = new Map([
  ['max_output_tokens', FinishReason.LENGTH],
  ['content_filter', FinishReason.CONTENT_FILTER],
]);

/** Reads one answer of the Responses API: its events as they come, or one JSON body. */
export class ResponsesAnswer implements AnswerReader {
  readonly #dialect: ResponsesDialect;
  readonly #context: ResponsesAnswerContext;
  readonly #parts = new Parts();
  /** By the provider's own position or name. */
  readonly #items = new Map<unknown, ResponsesItem>();
  #opened = 0;
  #ending: Ending | undefined;
  #done = false;
  #unread = false;
  #model = '';
  #id = '';
  #usage: TokenUsage | undefined;
  #cost: bigint | undefined;

  constructor(dialect: ResponsesDialect, context: ResponsesAnswerContext) {
    this.#dialect = dialect;
    this.#context = context;
  }

  get isWhole(): boolean {
    return this.#ending !== undefined;
  }

  get isOver(): boolean {
    return this.isWhole || this.#done;
  }

  get isUnexplained(): boolean {
    return this.#ending?.failure !== undefined && !this.#done;
  }

  get usage(): TokenUsage | undefined {
    return this.#usage;
  }

  event(name: string | undefined, data: string, out: ProviderEvent[]): void {
    // Behind a failure that says nothing an event may come that does.
    if (data === '' || (this.isOver && this.#ending?.failure === undefined)) return;
    if (data.startsWith('[DONE]')) {
      this.#done = true;
      return;
    }
    if (this.#unread) throw this.#notTheApi('has an event that is not JSON');
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      if (name === 'error') throw this.#error(data);
      // Not yet an error: the last event of a cut answer looks like this.
      this.#unread = true;
      return;
    }
    if (!isObject(value)) throw name === 'error' ? this.#error(value) : this.#notTheApi('has an event that is not an object');
    this.#read(stringOf(value['type']) ?? name, value, out);
  }

  body(value: unknown, out: ProviderEvent[]): void {
    if (!isObject(value)) throw this.#notTheApi('is not an object');
    const isResponse = Array.isArray(value['output']) || typeof value['status'] === 'string';
    if (!isResponse && isErrorBody(value)) throw this.#error(value);
    if (!isResponse) throw this.#notTheApi('is not a response');
    this.#end(value, 'completed', out);
  }

  end(out: ProviderEvent[]): void {
    const ending = this.#ending;
    if (ending === undefined) throw truncated(this.#usage);
    if (ending.failure !== undefined) throw ending.failure;
    out.push(...this.#parts.completeToolCalls());
    out.push(
      finish({
        finishReason: ending.finishReason === FinishReason.STOP && this.#parts.hasToolCalls ? FinishReason.TOOL_CALL : ending.finishReason,
        rawFinishReason: ending.word,
        responseModel: this.#model,
        usage: this.#usage,
        reportedCostPicoUsd: this.#cost,
        providerRequestId: this.#context.headers[this.#dialect.requestIdHeader ?? 'x-request-id'] ?? this.#id,
      }),
    );
  }

  #error(told: unknown): ProviderError {
    const { key, headers } = this.#context;
    return responsesError(told, { key, headers, codes: this.#dialect.codes, usage: this.#usage });
  }

  #notTheApi(what: string): ProviderError {
    return new ProviderError(ErrorClass.INVALID_RESPONSE, `the provider's answer ${what}`, { usage: this.#usage });
  }

  /** Kinds that are not known are passed over: the API has many, and gets new ones. */
  #read(type: string | undefined, event: JsonObject, out: ProviderEvent[]): void {
    switch (type) {
      case 'response.output_text.delta':
        return this.#say('text', 'content', event, out);
      case 'response.refusal.delta':
        return this.#say('refusal', 'content', event, out);
      case 'response.reasoning_summary_text.delta':
        return this.#say('reasoning', 'summary', event, out);
      case 'response.reasoning_text.delta':
        return this.#say('reasoning', 'content', event, out);
      case 'response.function_call_arguments.delta':
        return this.#itemOf(event).addArguments(stringOf(event['delta']) ?? '', out);
      case 'response.output_item.added':
        return this.#begin(event, out);
      case 'response.output_item.done':
        return this.#itemOf(event).finish(objectOf(event['item']) ?? {}, out);
      case 'response.created':
      case 'response.in_progress':
        return this.#note(objectOf(event['response']) ?? {});
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        return this.#end(objectOf(event['response']) ?? {}, type.slice('response.'.length), out);
      default:
        if (type === 'error' || (type === undefined && isErrorBody(event))) throw this.#error(event);
    }
  }

  #say(kind: Slot['kind'], list: Slot['list'], event: JsonObject, out: ProviderEvent[]): void {
    const index = event[list === 'summary' ? 'summary_index' : 'content_index'];
    this.#itemOf(event).say({ kind, list, index: typeof index === 'number' ? index : 0 }, stringOf(event['delta']) ?? '', out);
  }

  #begin(event: JsonObject, out: ProviderEvent[]): void {
    const key = keyOf(event);
    // Servers that give every item the same position begin the next one when the last is done.
    if (this.#items.get(key)?.isDone === true) this.#items.delete(key);
    this.#itemOf(event).begin(objectOf(event['item']) ?? {}, out);
  }

  /** An item that never began is read all the same: its events say what it is. */
  #itemOf(event: JsonObject): ResponsesItem {
    const key = keyOf(event);
    const known = this.#items.get(key);
    if (known !== undefined) return known;
    if (this.#opened >= MAX_ITEMS) throw this.#notTheApi(`has more than ${MAX_ITEMS} items`);
    const item = new ResponsesItem(this.#parts, this.#opened++, this.#context.type);
    this.#items.set(key, item);
    return item;
  }

  #note({ id, model, usage }: JsonObject): void {
    if (typeof id === 'string' && id !== '') this.#id = id;
    if (typeof model === 'string' && model !== '') this.#model = model;
    if (!isObject(usage)) return;
    this.#usage = chatUsage(usage);
    this.#cost = chatCost(usage);
  }

  #end(response: JsonObject, told: string, out: ProviderEvent[]): void {
    this.#note(response);
    const word = wordOf(response['status']) ?? told;
    const toldNothing = this.#opened === 0;
    for (const [at, item] of arrayOf(response['output']).entries()) {
      // Where the stream told items, this list repeats them.
      const begun = toldNothing ? this.#itemOf({ output_index: at }) : this.#items.get(at);
      if (isObject(item)) begun?.finish(item, out);
    }
    this.#ending = this.#endingOf(word, response);
  }

  #endingOf(word: string, { error, incomplete_details: details }: JsonObject): Ending {
    switch (word) {
      case 'completed':
        return { word, finishReason: FinishReason.STOP, failure: undefined };
      case 'incomplete':
        return { word, finishReason: INCOMPLETE.get(objectOf(details)?.['reason']) ?? FinishReason.OTHER, failure: undefined };
      case 'failed':
      case 'cancelled': {
        if (isObject(error)) throw this.#error({ error });
        const failure = new ProviderError(ErrorClass.SERVER, `the provider ended the answer with "${word}" and did not say why`, { usage: this.#usage });
        return { word, finishReason: FinishReason.OTHER, failure };
      }
      default:
        throw this.#notTheApi(`is not finished: its status is "${clip(redact(word, this.#context.key), MAX_STATUS_BYTES)}"`);
    }
  }
}

/** What tells the items of an answer apart: their positions, for servers without positions their ids. */
function keyOf(event: JsonObject): unknown {
  const { output_index: index, item_id: id, item } = event;
  return typeof index === 'number' ? index : (stringOf(id) ?? stringOf(objectOf(item)?.['id']) ?? '');
}
