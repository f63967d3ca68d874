import { FinishReason } from '../../gen/tollgate/v1/content.ts';
import { clip } from '../kit/clip.ts';
import { parseWhole } from '../kit/http.ts';
import { arrayOf, isObject, objectOf, parseJson, stringifyBody, stringOf, wordOf, type JsonObject } from '../kit/json.ts';
import { Parts } from '../kit/parts.ts';
import { isErrorBody, truncated } from '../kit/provider-answer-error.ts';
import { redact } from '../kit/redact.ts';
import { ErrorClass, finish, ProviderError, type ProviderEvent, type TokenUsage } from '../provider.ts';
import { exactJson } from './exact-json.ts';
import { googleError } from './google-error.ts';
import { usageOf } from './usage-of.ts';

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['STOP', FinishReason.STOP],
  ['MAX_TOKENS', FinishReason.LENGTH],
  ['SAFETY', FinishReason.CONTENT_FILTER],
  ['RECITATION', FinishReason.CONTENT_FILTER],
  ['BLOCKLIST', FinishReason.CONTENT_FILTER],
  ['PROHIBITED_CONTENT', FinishReason.CONTENT_FILTER],
  ['SPII', FinishReason.CONTENT_FILTER],
  ['MODEL_ARMOR', FinishReason.CONTENT_FILTER],
  ['IMAGE_SAFETY', FinishReason.CONTENT_FILTER],
  ['IMAGE_PROHIBITED_CONTENT', FinishReason.CONTENT_FILTER],
  ['IMAGE_RECITATION', FinishReason.CONTENT_FILTER],
]);

/** Words for an end that is no answer. */
const FAILURES: ReadonlyMap<string, ErrorClass> = new Map([
  ['MALFORMED_FUNCTION_CALL', ErrorClass.INVALID_RESPONSE],
  ['MALFORMED_RESPONSE', ErrorClass.INVALID_RESPONSE],
  ['UNEXPECTED_TOOL_CALL', ErrorClass.INVALID_RESPONSE],
  ['TOO_MANY_TOOL_CALLS', ErrorClass.INVALID_RESPONSE],
  ['LANGUAGE', ErrorClass.INVALID_RESPONSE],
  ['OTHER', ErrorClass.INVALID_RESPONSE],
  ['NO_IMAGE', ErrorClass.INVALID_RESPONSE],
  ['IMAGE_OTHER', ErrorClass.INVALID_RESPONSE],
  // The request left out what an earlier answer had brought.
  ['MISSING_THOUGHT_SIGNATURE', ErrorClass.INVALID_REQUEST],
]);

/** The most bytes of the model's own words on why it failed. */
const MAX_REASON_BYTES = 300;
/** The most characters of a part that goes along as metadata: an event has to fit into one message. */
const MAX_KEPT_CHARS = 512 * 1024;

const NOTHING: readonly ProviderEvent[] = [];

const metadataOf = (fields: JsonObject): Readonly<Record<string, string>> => ({ google: stringifyBody(fields) });

/** Turns Gemini's events, or its one JSON body, into ours. One for each answer. */
export class AnswerReader {
  readonly #key: string;
  readonly #parts = new Parts();
  #counts: JsonObject = {};
  #model = '';
  #responseId = '';
  #finish: { readonly reason: string; readonly message: string } | undefined;
  #blockReason: string | undefined;
  #toolCalls = 0;
  #broken = false;

  constructor(key: string) {
    this.#key = key;
  }

  /** What has been reported so far. */
  get usage(): TokenUsage | undefined {
    return usageOf(this.#counts);
  }

  /** Reads the data of one event. */
  read(data: string): readonly ProviderEvent[] {
    if (data === '' || data === '[DONE]') return NOTHING;
    if (this.#broken) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'an event of the answer is not a JSON object');
    const chunk = data.includes('"functionCall"') ? exactJson(data) : parseJson(data);
    if (isObject(chunk)) return this.#readChunk(chunk);
    // The last event of a cut answer looks like this too: what comes next tells.
    this.#broken = true;
    return NOTHING;
  }

  /** Reads an answer that came as one JSON body: one chunk, or the list of them that Google sends without `alt=sse`. */
  readWhole(text: string): readonly ProviderEvent[] {
    const body = exactJson(text) ?? parseWhole(text);
    const chunks = (Array.isArray(body) ? body : [body]).filter(isObject);
    const isAnswer = chunks.some((chunk) => isErrorBody(chunk) || chunk['candidates'] !== undefined || chunk['promptFeedback'] !== undefined);
    if (!isAnswer) throw new ProviderError(ErrorClass.INVALID_RESPONSE, "the answer is none of Gemini's");
    return chunks.flatMap((chunk) => this.#readChunk(chunk));
  }

  /** The end of the stream. Throws when the answer is not whole, or when its last word is a failure. */
  finish(): readonly ProviderEvent[] {
    if (this.#broken) throw truncated();
    if (this.#finish === undefined) {
      if (this.#blockReason === undefined) throw truncated();
      return [this.#end(FinishReason.CONTENT_FILTER, this.#blockReason)];
    }
    const { reason, message } = this.#finish;
    const failure = FAILURES.get(reason);
    if (failure !== undefined) {
      const why = message === '' ? '' : `: ${clip(redact(message, this.#key), MAX_REASON_BYTES)}`;
      throw new ProviderError(failure, `Gemini ended the answer with ${reason}${why}`, { code: reason });
    }
    const mapped = FINISH_REASONS.get(reason) ?? FinishReason.OTHER;
    return [
      ...this.#parts.completeToolCalls(),
      this.#end(mapped === FinishReason.STOP && this.#parts.hasToolCalls ? FinishReason.TOOL_CALL : mapped, reason),
    ];
  }

  #end(finishReason: FinishReason, rawFinishReason: string): ProviderEvent {
    return finish({ finishReason, rawFinishReason, responseModel: this.#model, usage: this.usage, providerRequestId: this.#responseId });
  }

  #readChunk(chunk: JsonObject): readonly ProviderEvent[] {
    if (isErrorBody(chunk)) throw googleError(chunk, { key: this.#key });
    this.#counts = { ...this.#counts, ...objectOf(chunk['usageMetadata']) };
    this.#model = stringOf(chunk['modelVersion']) ?? this.#model;
    this.#responseId = stringOf(chunk['responseId']) ?? this.#responseId;
    this.#blockReason ??= wordOf(objectOf(chunk['promptFeedback'])?.['blockReason']);
    const candidate = arrayOf(chunk['candidates']).find((entry) => isObject(entry) && (entry['index'] ?? 0) === 0);
    return isObject(candidate) ? this.#readCandidate(candidate) : NOTHING;
  }

  #readCandidate({ content, finishReason, finishMessage }: JsonObject): readonly ProviderEvent[] {
    const told = arrayOf(objectOf(content)?.['parts']).flatMap((part) => (isObject(part) ? this.#readPart(part) : NOTHING));
    if (typeof finishReason === 'string' && finishReason !== '' && finishReason !== 'FINISH_REASON_UNSPECIFIED') {
      this.#finish = { reason: finishReason, message: stringOf(finishMessage) ?? '' };
    } else if (told.length > 0) {
      // Some proxies put a reason on pieces in the middle: where the answer goes on, it was not its end.
      this.#finish = undefined;
    }
    return told;
  }

  #readPart(part: JsonObject): readonly ProviderEvent[] {
    const { text, thought, thoughtSignature: signature, functionCall } = part;
    const metadata = typeof signature === 'string' && signature !== '' ? metadataOf({ thoughtSignature: signature }) : undefined;
    if (isObject(functionCall)) return this.#readCall(functionCall, metadata);
    if (typeof text !== 'string') return this.#keep(part);
    if (text === '' && metadata === undefined) return NOTHING;
    // A signature holds for the very piece it stands on: joined to others it is refused.
    if (metadata !== undefined) this.#parts.close();
    const told = thought === true ? this.#parts.reasoning({ text, metadata }) : this.#parts.text(text, { metadata });
    if (metadata !== undefined) this.#parts.close();
    return [told];
  }

  /** Every call comes whole. */
  #readCall({ id, name, args }: JsonObject, metadata: Readonly<Record<string, string>> | undefined): readonly ProviderEvent[] {
    const fragment = isObject(args) ? stringifyBody(args) : '';
    return this.#parts.toolCall({ index: this.#toolCalls++, id: stringOf(id), name: stringOf(name), fragment, metadata });
  }

  /** What the model's own tools did, and what else is neither text nor call: it goes along unseen, to be sent back. */
  #keep(part: JsonObject): readonly ProviderEvent[] {
    if (Object.keys(part).every((name) => name === 'thought')) return NOTHING;
    const metadata = metadataOf({ part });
    if ((metadata['google'] ?? '').length > MAX_KEPT_CHARS) {
      throw new ProviderError(ErrorClass.INVALID_RESPONSE, `the answer holds ${clip(redact(Object.keys(part).join(', '), this.#key), MAX_REASON_BYTES)} that is too large to be passed on: ask this model for text only`);
    }
    this.#parts.close();
    const told = this.#parts.text('', { metadata });
    this.#parts.close();
    return [told];
  }
}
