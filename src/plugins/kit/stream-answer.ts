import { ErrorClass, ProviderError, started, type ProviderEvent, type TokenUsage } from '../provider.ts';
import { parseWhole, send, throwUnlessOk, type Answer, type HttpRequest } from './http.ts';
import { joinDeltas } from './join-deltas.ts';
import type { AnswerErrorContext } from './provider-answer-error.ts';
import { readSseOrJson, type SseOrJson } from './sse-or-json.ts';
import { withUsage } from './with-usage.ts';

/** Reads one answer of a dialect: SSE events as they come, or one JSON body. Keeps what only its end can tell. */
export interface AnswerReader {
  /** Whether the answer is whole: a connection that breaks now breaks nothing. */
  readonly isWhole: boolean;
  /** Whether the provider said that nothing more will come. */
  readonly isOver: boolean;
  /** Whether it is over in a failure that what still comes may explain. */
  readonly isUnexplained?: boolean;
  /** What the provider has reported so far. */
  readonly usage: TokenUsage | undefined;
  /** Reads one SSE event; its deltas are appended to `out`. Throws when it tells an error. */
  event(name: string | undefined, data: string, out: ProviderEvent[]): void;
  /** Reads an answer that came as one JSON body. */
  body(value: unknown, out: ProviderEvent[]): void;
  /** What only the end tells, the finish last. Throws when the answer is not whole. */
  end(out: ProviderEvent[]): void;
}

/** One request for an answer, and how it is read. */
export interface AnswerPlan {
  readonly request: HttpRequest;
  readonly ignoredFields: readonly string[];
  /** The provider's key and what its codes mean, for errors. */
  readonly context: Pick<AnswerErrorContext, 'key' | 'codes'>;
  readonly readerFor: (answer: Answer) => AnswerReader;
  /** Tells an error of the provider's better. */
  readonly explain: ((error: ProviderError) => ProviderError) | undefined;
}

/**
 * Makes the request and streams its answer: started, deltas, finish. One generator for all of it: every further one that a token
 * passes through costs it three turns of the microtask queue.
 */
export async function* streamAnswer(planned: () => AnswerPlan): AsyncGenerator<ProviderEvent> {
  const plan = planned();
  const exchange = await send(plan.request);
  const out: ProviderEvent[] = [];
  let reader: AnswerReader | undefined;
  try {
    yield started(plan.ignoredFields);
    const answer = await exchange.answer();
    await throwUnlessOk(answer, plan.context);
    const reading = plan.readerFor(answer);
    reader = reading;
    for await (const piece of readSseOrJson(answer.body)) {
      const failure = readPiece(piece, reading, out);
      // What came before an error in the same read was said.
      for (const event of joinDeltas(out.splice(0))) yield event;
      if (failure !== undefined) throw failure.error;
      // Behind the answer's own end nothing is waited for, whatever still comes, and a connection that breaks there breaks nothing.
      if (reading.isOver && reading.isUnexplained !== true) break;
    }
  } catch (error) {
    // A connection that breaks behind the finish reason has delivered the whole answer.
    const isComplete = reader?.isWhole === true && error instanceof ProviderError && error.errorClass === ErrorClass.TRUNCATED;
    if (!isComplete) throw explained(withUsage(error, reader?.usage), plan);
  } finally {
    exchange.close(reader?.isOver);
  }
  if (reader === undefined) return;
  try {
    reader.end(out);
  } catch (error) {
    throw explained(error, plan);
  }
  for (const event of out) yield event;
}

const explained = (error: unknown, { explain }: AnswerPlan): unknown => (error instanceof ProviderError && explain !== undefined ? explain(error) : error);

function readPiece(piece: SseOrJson, reader: AnswerReader, out: ProviderEvent[]): { readonly error: unknown } | undefined {
  try {
    if ('json' in piece) reader.body(parseWhole(piece.json), out);
    else for (const { event, data } of piece.events) reader.event(event, data, out);
    return undefined;
  } catch (error) {
    return { error };
  }
}
