import type { ProviderEvent } from '../../../plugins/provider.ts';

/** What of an answer has gone by. */
export interface SeenAnswer {
  /** Of text, refusals and the calls of tools, in UTF-8. */
  readonly textBytes: number;
  /** The same in UTF-16 code units. */
  readonly textCharacters: number;
  /** Of thoughts that can be read, in UTF-8. They may be a summary. */
  readonly reasoningBytes: number;
  readonly toolCalls: number;
}

/** Counts an answer as it streams. */
export interface AnswerMeter {
  add(event: ProviderEvent): void;
  readonly seen: SeenAnswer;
  /** The best guess of the output so far, in tokens. */
  readonly outputTokens: number;
}

const USUAL_BYTES_PER_TOKEN = 4;
/** The marks around a call. */
const USUAL_TOKENS_PER_CALL = 12;

/** The most likely number of tokens of an answer. */
export const usualTokens = ({ textBytes, reasoningBytes, toolCalls }: SeenAnswer): number => Math.ceil((textBytes + reasoningBytes) / USUAL_BYTES_PER_TOKEN) + USUAL_TOKENS_PER_CALL * toolCalls;

export function answerMeter(): AnswerMeter {
  const seen = { textBytes: 0, textCharacters: 0, reasoningBytes: 0, toolCalls: 0 };
  const addText = (text: string): void => {
    seen.textBytes += Buffer.byteLength(text);
    seen.textCharacters += text.length;
  };
  // Calls may come in turns.
  const callParts = new Set<number>();
  return {
    add(event) {
      if (event.$case === 'textDelta') addText(event.value.text);
      else if (event.$case === 'reasoningDelta') seen.reasoningBytes += Buffer.byteLength(event.value.text);
      else if (event.$case === 'toolCallDelta') {
        const { part, name, argumentsJsonFragment } = event.value;
        seen.toolCalls = callParts.add(part).size;
        addText(name);
        addText(argumentsJsonFragment);
      }
    },
    get seen() {
      return { ...seen };
    },
    get outputTokens() {
      return usualTokens(seen);
    },
  };
}
