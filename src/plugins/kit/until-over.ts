import { within } from './within.ts';

/** How long a server may keep the connection open behind its end marker: closing it costs the next request a new one. */
const CLOSING_TIME_MS = 250;

/**
 * Passes on what is read until the body ends. Behind the answer's own end marker nothing is waited for long, whatever still
 * comes, and a connection that breaks there breaks nothing.
 */
export function untilOver<Piece>(pieces: AsyncIterable<Piece>, isOver: () => boolean): AsyncIterable<Piece> {
  const iterator = pieces[Symbol.asyncIterator]();
  const atEnd = { done: true, value: undefined } as const;
  let closingTime: number | undefined;
  const lastWords = async (): Promise<IteratorResult<Piece, undefined>> => {
    closingTime ??= performance.now() + CLOSING_TIME_MS;
    const piece = await within(Math.max(0, closingTime - performance.now()), iterator.next());
    return piece === undefined || piece.done === true || performance.now() > closingTime ? atEnd : piece;
  };
  // No generator of its own: each one costs every token three turns of the microtask queue.
  const next = (): Promise<IteratorResult<Piece, undefined>> => (isOver() ? lastWords() : iterator.next());
  return { [Symbol.asyncIterator]: () => ({ next }) };
}
