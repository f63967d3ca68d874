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

const KEPT = 1000;

export const settledMs = ({ settleTime }: Generation): number => settleTime?.getTime() ?? 0;

/** Keeps the newest of what is recorded from now on. */
export function recentGenerations(recorder: Recorder, state: LedgerState): RecentGenerations {
  const kept = new Map<string, Placed>();
  let completeAfterMs = state.newestSettleMs;
  recorder.subscribe(({ record, generation, position }) => {
    if (record.type === 'CLEAR') for (const [id, each] of kept) if (settledMs(each.generation) < record.before) kept.delete(id);
    if (generation === undefined) return;
    kept.set(generation.generationId, { generation, position });
    const [oldest] = kept;
    if (kept.size <= KEPT || oldest === undefined) return;
    kept.delete(oldest[0]);
    completeAfterMs = Math.max(completeAfterMs, settledMs(oldest[1].generation));
  });
  return {
    get: (id) => kept.get(id)?.generation,
    get completeAfterMs() {
      return completeAfterMs;
    },
    all: () => [...kept.values()],
    forget(upTo) {
      for (const [id, { position }] of kept) if (!isBehind(position, upTo)) kept.delete(id);
    },
  };
}
