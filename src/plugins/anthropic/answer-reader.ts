import { FinishReason } from '../../gen/tollgate/v1/content.ts';
import { arrayOf, isObject, objectOf, parseJson, stringOf, type JsonObject } from '../kit/json.ts';
import { Parts } from '../kit/parts.ts';
import { answerError, isErrorBody, truncated } from '../kit/provider-answer-error.ts';
import { tokenUsage } from '../kit/usage.ts';
import { ErrorClass, finish, ProviderError, type ProviderEvent, type TokenUsage } from '../provider.ts';
import { AnswerBlock } from './answer-block.ts';

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['end_turn', FinishReason.STOP],
  ['stop_sequence', FinishReason.STOP],
  ['max_tokens', FinishReason.LENGTH],
  ['model_context_window_exceeded', FinishReason.LENGTH],
  ['tool_use', FinishReason.TOOL_CALL],
  ['pause_turn', FinishReason.PAUSE],
  ['compaction', FinishReason.PAUSE],
  ['refusal', FinishReason.CONTENT_FILTER],
]);

const NOTHING: readonly ProviderEvent[] = [];

/** Turns Anthropic's events, or its one message, into ours. One for each answer. */
export class AnswerReader {
  readonly #key: string;
  readonly #parts = new Parts();
  readonly #blocks = new Map<unknown, AnswerBlock>();
  #message: JsonObject | undefined;
  #usage: Record<string, unknown> = {};
  #stopReason: string | undefined;
  #told = false;
  #over = false;
  #broken = false;

  constructor(key: string) {
    this.#key = key;
  }

  /** What has been reported so far. */
  get usage(): TokenUsage | undefined {
    const counts = this.#usage;
    return tokenUsage({
      input: counts['input_tokens'],
      output: counts['output_tokens'],
      cacheRead: counts['cache_read_input_tokens'],
      cacheCreation: counts['cache_creation_input_tokens'],
      cacheCreation1h: objectOf(counts['cache_creation'])?.['ephemeral_1h_input_tokens'],
      reasoning: objectOf(counts['output_tokens_details'])?.['thinking_tokens'],
      webSearches: objectOf(counts['server_tool_use'])?.['web_search_requests'],
      inputLeavesOutCache: true,
    });
  }

  /** Whether the last event has come: what breaks behind it breaks nothing. */
  get isWhole(): boolean {
    return this.#over;
  }

  /** Reads the data of one event. Kinds that are not known are passed over. */
  read(data: string): readonly ProviderEvent[] {
    if (this.#over || data === '' || data === '[DONE]') return NOTHING;
    if (this.#broken) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'an event of the answer is not a JSON object', { usage: this.usage });
    const event = parseJson(data);
    if (!isObject(event)) {
      // The last event of a cut answer looks like this too: what comes next tells.
      this.#broken = true;
      return NOTHING;
    }
    const told = this.#read(event);
    if (told.length > 0) this.#told = true;
    return told;
  }

  /** Reads an answer that came as one JSON body. */
  readWhole(body: unknown): readonly ProviderEvent[] {
    if (!isObject(body)) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'the answer is not a JSON object');
    if (isErrorBody(body)) throw answerError(body, { key: this.#key });
    if (!Array.isArray(body['content'])) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'the answer is not a message of the Messages API');
    return this.#begin(body);
  }

  /** The end of the stream. Throws when the answer is not whole. */
  finish(requestId: string): readonly ProviderEvent[] {
    if (this.#broken || this.#stopReason === undefined) throw truncated(this.usage);
    const told = [...this.#blocks.values()].flatMap((block) => block.stop(this.#parts));
    told.push(...this.#parts.completeToolCalls());
    const mapped = FINISH_REASONS.get(this.#stopReason) ?? FinishReason.OTHER;
    const finishReason = mapped === FinishReason.STOP && this.#parts.hasToolCalls ? FinishReason.TOOL_CALL : mapped;
    told.push(
      finish({
        finishReason,
        rawFinishReason: this.#stopReason,
        responseModel: stringOf(this.#message?.['model']) ?? '',
        usage: this.usage,
        providerRequestId: requestId,
      }),
    );
    return told;
  }

  #read(event: JsonObject): readonly ProviderEvent[] {
    switch (event['type']) {
      case 'content_block_delta':
        return this.#block(event['index']).read(objectOf(event['delta']) ?? {}, this.#parts);
      case 'content_block_start':
        return this.#open(event['index'], objectOf(event['content_block']) ?? {});
      case 'content_block_stop':
        return this.#close(event['index']);
      case 'message_start':
        return this.#begin(objectOf(event['message']) ?? {});
      case 'message_delta':
        this.#note(objectOf(event['delta'])?.['stop_reason'], event['usage']);
        return NOTHING;
      case 'message_stop':
        this.#over = true;
        return NOTHING;
      case 'error':
        throw answerError(event, { key: this.#key, usage: this.usage });
      default:
        return NOTHING;
    }
  }

  /**
   * Some servers send the first event twice. One with another id is another answer, spliced in by a proxy that lost the first
   * one: nothing of the two fits together.
   */
  #begin(message: JsonObject): readonly ProviderEvent[] {
    if (this.#message !== undefined && this.#message['id'] === message['id']) return NOTHING;
    if (this.#message !== undefined && this.#told) {
      throw new ProviderError(ErrorClass.TRUNCATED, 'the provider began another answer in the middle of this one', { usage: this.usage });
    }
    this.#message = message;
    this.#usage = {};
    this.#blocks.clear();
    this.#note(message['stop_reason'], message['usage']);
    return arrayOf(message['content']).flatMap((block, index) => [...this.#open(index, objectOf(block) ?? {}), ...this.#close(index)]);
  }

  /** Later counts take the place of earlier ones; a count that is not said again stays. */
  #note(stopReason: unknown, usage: unknown): void {
    this.#stopReason = stringOf(stopReason) ?? this.#stopReason;
    for (const [name, count] of Object.entries(objectOf(usage) ?? {})) if (count !== null) this.#usage[name] = count;
  }

  #open(index: unknown, start: JsonObject): readonly ProviderEvent[] {
    this.#parts.close();
    const block = new AnswerBlock(start, this.#blocks.size);
    this.#blocks.set(index, block);
    return block.start(this.#parts);
  }

  /** A piece of a block that never began is read all the same: its kind says what it is. */
  #block(index: unknown): AnswerBlock {
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    const block = new AnswerBlock({ type: 'text' }, this.#blocks.size);
    this.#blocks.set(index, block);
    return block;
  }

  #close(index: unknown): readonly ProviderEvent[] {
    const told = this.#blocks.get(index)?.stop(this.#parts) ?? NOTHING;
    this.#parts.close();
    return told;
  }
}
