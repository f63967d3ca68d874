/** How long a server may keep the connection open behind its end marker: closing it costs the next request a new one. */
const CLOSING_TIME_MS = 250;

/**
 * Passes on what is read until the body ends. Behind the answer's own end marker nothing is waited for long, and a connection
 * that breaks there breaks nothing.
 */
export async function* untilOver<Piece>(pieces: AsyncIterable<Piece>, isOver: () => boolean): AsyncGenerator<Piece> {
  const iterator = pieces[Symbol.asyncIterator]();
  for (;;) {
    const next = iterator.next();
    const piece = await (isOver() ? within(CLOSING_TIME_MS, next) : next);
    if (piece === undefined || piece.done === true) return;
    yield piece.value;
  }
}

/** What a promise gives within some time; undefined when it gives nothing or fails. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  try {
    return await Promise.race([promise.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
