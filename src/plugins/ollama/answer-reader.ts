import { FinishReason } from '../../gen/tollgate/v1/content.ts';
import { arrayOf, objectOf, stringOf, type JsonObject } from '../kit/json.ts';
import { Parts } from '../kit/parts.ts';
import { answerError, isErrorBody, truncated } from '../kit/provider-answer-error.ts';
import { tokenUsage } from '../kit/usage.ts';
import { finish, type ProviderEvent, type TokenUsage } from '../provider.ts';

/** Old servers give no reason. "load" and "unload" are answers without an answer. */
const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['', FinishReason.STOP],
  ['stop', FinishReason.STOP],
  ['length', FinishReason.LENGTH],
]);

/** Turns Ollama's lines into our events. One for each answer. */
export class AnswerReader {
  readonly #key: string;
  readonly #parts = new Parts();
  #toolCalls = 0;
  #model = '';
  #last: JsonObject | undefined;

  constructor(key: string) {
    this.#key = key;
  }

  /** Whether the last line has come: what breaks behind it breaks nothing. */
  get isWhole(): boolean {
    return this.#last !== undefined;
  }

  read(line: JsonObject): readonly ProviderEvent[] {
    if (isErrorBody(line)) throw answerError(line, { key: this.#key, usage: this.#usage() });
    if (this.#last !== undefined) return [];
    if (line['done'] === true) this.#last = line;
    this.#model = stringOf(line['model']) ?? this.#model;
    const message = objectOf(line['message']);
    if (message === undefined) return [];
    const told: ProviderEvent[] = [];
    const { thinking, content } = message;
    if (typeof thinking === 'string' && thinking !== '') told.push(this.#parts.reasoning({ text: thinking }));
    if (typeof content === 'string' && content !== '') told.push(this.#parts.text(content));
    for (const call of arrayOf(message['tool_calls'])) told.push(...this.#readToolCall(objectOf(call) ?? {}));
    return told;
  }

  /** The end of the stream. Throws when the last line has not come. */
  finish(requestId: string): readonly ProviderEvent[] {
    if (this.#last === undefined) throw truncated();
    const rawFinishReason = stringOf(this.#last['done_reason']) ?? '';
    const mapped = FINISH_REASONS.get(rawFinishReason) ?? FinishReason.OTHER;
    return [
      ...this.#parts.completeToolCalls(),
      finish({
        finishReason: mapped === FinishReason.STOP && this.#parts.hasToolCalls ? FinishReason.TOOL_CALL : mapped,
        rawFinishReason,
        responseModel: this.#model,
        usage: this.#usage(),
        providerRequestId: requestId,
      }),
    ];
  }

  /** Every call comes whole; its own index may be missing or 0 for all. */
  #readToolCall(call: JsonObject): readonly ProviderEvent[] {
    const { name, arguments: input } = objectOf(call['function']) ?? {};
    const fragment = typeof input === 'string' ? input : input === undefined || input === null ? '' : JSON.stringify(input);
    return this.#parts.toolCall({ index: this.#toolCalls++, id: stringOf(call['id']), name: stringOf(name), fragment });
  }

  #usage(): TokenUsage | undefined {
    return tokenUsage({ input: this.#last?.['prompt_eval_count'], output: this.#last?.['eval_count'] });
  }
}
