import { ToolChoice_Mode } from '../../gen/tollgate/v1/content.ts';
import type { GenerateRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { inputTokens, type RequestSize } from '../usage/prices/request-size.ts';

/** What a request wants of a model. */
export interface RequestNeeds {
  readonly images: boolean;
  /** Of "tools", "json_schema", "reasoning". */
  readonly words: readonly NeededWord[];
  /** The request's own limit of the answer. */
  readonly maxOutputTokens: bigint;
  /** Fewer tokens than it certainly has, up to `enough`: counting stops there. */
  leastInputTokens(enough: bigint): bigint;
}

export type NeededWord = 'tools' | 'json_schema' | 'reasoning';

/** Every model that anybody serves reads so many tokens: shorter requests are not looked at. */
const SMALLEST_WINDOW = 2048n;

function wantsReasoning({ reasoning }: GenerateRequest): boolean {
  if (reasoning === undefined || reasoning.effort === 'none' || reasoning.maxReasoningTokens === 0) return false;
  return reasoning.effort !== '' || reasoning.maxReasoningTokens !== undefined;
}

function* textsOf({ messages }: GenerateRequest): Generator<string> {
  for (const { parts } of messages) {
    for (const { part } of parts) {
      if (part?.$case === 'text' || part?.$case === 'refusal') yield part.value;
      else if (part?.$case === 'toolResult') yield part.value.content;
    }
  }
}

/** No tokenizer makes one token of two words. */
function wordsUpTo(request: GenerateRequest, enough: bigint): bigint {
  let words = 0n;
  for (const text of textsOf(request)) {
    const word = /[\p{L}\p{N}'’]+/gu;
    while (word.test(text)) if (++words >= enough) return words;
  }
  return words;
}

/** Whatever is in a message, or in what a tool answered. */
const hasImage = ({ messages }: GenerateRequest): boolean => messages.some(({ parts }) => parts.some(({ part }) => part?.$case === 'image'));

const hasTools = ({ tools, toolChoice }: GenerateRequest): boolean => tools.length > 0 && !(toolChoice?.choice?.$case === 'mode' && toolChoice.choice.value === ToolChoice_Mode.NONE);

/** What a request wants that a model may not have; undefined for one that any model can take. */
export function needsOf(request: GenerateRequest, size: RequestSize): RequestNeeds | undefined {
  const all: readonly (readonly [NeededWord, boolean])[] = [
    ['tools', hasTools(request)],
    ['json_schema', request.responseFormat?.format?.$case === 'jsonSchema'],
    ['reasoning', wantsReasoning(request)],
  ];
  const words = all.flatMap(([word, isNeeded]) => (isNeeded ? [word] : []));
  const images = hasImage(request);
  const maxOutputTokens = BigInt(Math.max(0, request.maxOutputTokens ?? 0));
  const least = inputTokens(size).low;
  if (words.length === 0 && !images && least + maxOutputTokens <= SMALLEST_WINDOW) return undefined;
  return {
    images,
    words,
    maxOutputTokens,
    // Long runs of one character are few tokens, and so are long words: the lesser of two counts is safe.
    leastInputTokens: (enough) => (least < enough ? least : wordsUpTo(request, least)),
  };
}
