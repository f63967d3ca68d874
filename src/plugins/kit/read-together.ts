import type { ProviderEvent } from '../provider.ts';
import { joinDeltas } from './join-deltas.ts';

/** Reads what arrived together, so that it leaves together. An error in it is thrown after what stands before it was told. */
export function* readTogether<Piece>(pieces: readonly Piece[], read: (piece: Piece) => readonly ProviderEvent[]): Generator<ProviderEvent> {
  const told: ProviderEvent[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    for (const piece of pieces) told.push(...read(piece));
  } catch (error) {
    failure = { error };
  }
  yield* joinDeltas(told);
  if (failure !== undefined) throw failure.error;
}
