import { createHash } from 'node:crypto';
import { isCleared, type LedgerState } from './fold.ts';
import { settledAt } from './history.ts';
import type { Journal } from './journal-record.ts';
import type { Recorder } from './recorder.ts';
import { readRollup } from './rollup.ts';
import { dayAfter } from './calendar.ts';

/** Stands for an id where all of them are kept: 64 bits, as 11 characters. */
export const idMark = (id: string): string => createHash('sha256').update(id).digest().toString('base64url', 0, 8);

/** The ids of all generations, read from the journal when they are asked for and forgotten when nobody has asked for a while. */
export interface KnownIds {
  /** Every `idMark`. Whoever records another generation gets it added. */
  marks(): Promise<Set<string>>;
  close(): void;
}

const KEPT_MS = 60_000;

export function knownIds(journal: Pick<Journal, 'replay'>, state: LedgerState, recorder: Recorder): KnownIds {
  let known: { readonly marks: Set<string>; readonly whole: Promise<Set<string>> } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const forget = (): void => {
    known = undefined;
  };

  const readAll = async (marks: Set<string>): Promise<Set<string>> => {
    const { calendar } = state.days;
    for await (const { record, position } of journal.replay()) {
      if (record.type === 'ROLLUP') {
        for (const { day, ids } of readRollup(record.state).days) {
          if (isCleared(state, position, calendar.startOfDay(dayAfter(day)) - 1)) continue;
          for (const id of ids) marks.add(id);
        }
      }
      if (record.type !== 'SETTLE' && record.type !== 'IMPORT') continue;
      if (!isCleared(state, position, settledAt(record))) marks.add(idMark(record.id));
    }
    return marks;
  };

  recorder.subscribe(({ record, generation }) => {
    // What was cleared may be taken in again.
    if (record.type === 'CLEAR') forget();
    if (generation !== undefined) known?.marks.add(idMark(generation.generationId));
  });

  return {
    marks() {
      clearTimeout(timer);
      timer = setTimeout(forget, KEPT_MS).unref();
      if (known === undefined) {
        const marks = new Set<string>();
        const whole = readAll(marks);
        whole.catch(forget);
        known = { marks, whole };
      }
      return known.whole;
    },
    close() {
      clearTimeout(timer);
      forget();
    },
  };
}
