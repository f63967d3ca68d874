import { ErrorClass, ProviderError, type ProviderEvent, type TokenUsage } from '../provider.ts';
import { parseWhole } from './http.ts';
import { joinDeltas } from './join-deltas.ts';
import { readSseOrJson, type SseOrJson } from './sse-or-json.ts';
import { untilOver } from './until-over.ts';
import { withUsage } from './with-usage.ts';

/** Reads one answer of a dialect: SSE events as they come, or one JSON body. Keeps what only its end can tell. */
export interface AnswerReader {
  /** Whether the answer is whole: a connection that breaks now breaks nothing. */
  readonly isWhole: boolean;
  /** Whether the provider said that nothing more will come. */
  readonly isOver: boolean;
  /** What the provider has reported so far. */
  readonly usage: TokenUsage | undefined;
  /** Reads one SSE event; its deltas are appended to `out`. Throws when it tells an error. */
  event(name: string | undefined, data: string, out: ProviderEvent[]): void;
  /** Reads an answer that came as one JSON body. */
  body(value: unknown, out: ProviderEvent[]): void;
  /** What only the end tells, the finish last. Throws when the answer is not whole. */
  end(out: ProviderEvent[]): void;
}

/** The events of an answer, those of one read together. */
export async function* readAnswer(reader: AnswerReader, body: AsyncIterable<Buffer>): AsyncGenerator<readonly ProviderEvent[]> {
  const out: ProviderEvent[] = [];
  try {
    for await (const piece of untilOver(readSseOrJson(body), () => reader.isOver)) {
      const failure = readPiece(piece, reader, out);
      // What came before an error in the same read was said.
      if (out.length > 0) yield joinDeltas(out.splice(0));
      if (failure !== undefined) throw failure.error;
    }
  } catch (error) {
    // A connection that breaks behind the finish reason has delivered the whole answer.
    if (!(reader.isWhole && error instanceof ProviderError && error.errorClass === ErrorClass.TRUNCATED)) throw withUsage(error, reader.usage);
  }
  reader.end(out);
  yield out;
}

function readPiece(piece: SseOrJson, reader: AnswerReader, out: ProviderEvent[]): { readonly error: unknown } | undefined {
  try {
    if ('json' in piece) reader.body(parseWhole(piece.json), out);
    else for (const { event, data } of piece.events) reader.event(event, data, out);
    return undefined;
  } catch (error) {
    return { error };
  }
}
