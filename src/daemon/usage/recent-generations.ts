import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import type { LedgerState } from './fold.ts';
import type { Placed } from './history.ts';
import type { JournalPosition } from './journal-record.ts';
import type { Recorder } from './recorder.ts';
import { isBehind } from './usage-days.ts';

/** The generations that came last, without reading the journal. */
export interface RecentGenerations {
  get(id: string): Generation | undefined;
  /** All that were settled later than this are among `all()`. */
  readonly completeAfterMs: number;
  all(): readonly Placed[];
  /** The journal has only sums left of what stands up to a position. */
  forget(upTo: JournalPosition): void;
}

const KEPT = 200;

export const settledMs = ({ settleTime }: Generation): number => settleTime?.getTime() ?? 0;

/** Keeps the newest of what is recorded from now on. */
export function recentGenerations(recorder: Recorder, state: LedgerState): RecentGenerations {
  /** Each in a box that is emptied when it goes: a table that a Map has outgrown keeps all that it held for long. */
  const kept = new Map<string, { placed: Placed | undefined }>();
  const remove = (id: string): Placed | undefined => {
    const box = kept.get(id);
    const placed = box?.placed;
    if (box !== undefined) box.placed = undefined;
    kept.delete(id);
    return placed;
  };
  const all = (): readonly Placed[] => [...kept.values()].flatMap(({ placed }) => placed ?? []);
  let completeAfterMs = state.newestSettleMs;
  recorder.subscribe(({ record, generation, position }) => {
    if (record.type === 'CLEAR') for (const each of all()) if (settledMs(each.generation) < record.before) remove(each.generation.generationId);
    if (generation === undefined) return;
    kept.set(generation.generationId, { placed: { generation, position } });
    const [oldest] = kept.size > KEPT ? kept.keys() : [];
    const gone = oldest === undefined ? undefined : remove(oldest);
    if (gone !== undefined) completeAfterMs = Math.max(completeAfterMs, settledMs(gone.generation));
  });
  return {
    get: (id) => kept.get(id)?.placed?.generation,
    get completeAfterMs() {
      return completeAfterMs;
    },
    all,
    forget(upTo) {
      for (const { generation, position } of all()) if (!isBehind(position, upTo)) remove(generation.generationId);
    },
  };
}
