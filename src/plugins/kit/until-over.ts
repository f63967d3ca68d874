import { within } from './within.ts';

/** How long a server may keep the connection open behind its end marker: closing it costs the next request a new one. */
const CLOSING_TIME_MS = 250;

/**
 * Passes on what is read until the body ends. Behind the answer's own end marker nothing is waited for long, whatever still
 * comes, and a connection that breaks there breaks nothing.
 */
export async function* untilOver<Piece>(pieces: AsyncIterable<Piece>, isOver: () => boolean): AsyncGenerator<Piece> {
  const iterator = pieces[Symbol.asyncIterator]();
  let closingTime: number | undefined;
  for (;;) {
    if (isOver()) closingTime ??= performance.now() + CLOSING_TIME_MS;
    const next = iterator.next();
    const piece = await (closingTime === undefined ? next : within(Math.max(0, closingTime - performance.now()), next));
    if (piece === undefined || piece.done === true || (closingTime !== undefined && performance.now() > closingTime)) return;
    yield piece.value;
  }
}
