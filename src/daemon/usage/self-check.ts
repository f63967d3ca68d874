import { setTimeout as delay } from 'node:timers/promises';
import { inTurn } from '../files/in-turn.ts';
import type { Logger } from '../logger.ts';
import { EXIT, StartError } from '../start-error.ts';
import type { LedgerState } from './fold.ts';
import type { Journal } from './journal-record.ts';
import type { QuotaDesk } from './quota-desk.ts';
import { countedIn, Recount, type Counted } from './recount.ts';
import type { Recorder } from './recorder.ts';
import { isBehind } from './usage-days.ts';

export interface SelfCheckParts {
  readonly journal: Pick<Journal, 'replay'>;
  readonly state: LedgerState;
  /** Where the state was when this launch had read the journal. */
  readonly launch: LedgerState['position'];
  readonly desk: Pick<QuotaDesk, 'ceilings'>;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** Told what is wrong when that changes; undefined is nothing. */
  readonly onProblem: (problem: string | undefined) => void;
  /** The books are not what the journal adds up to: nothing that is made from them may outlast this launch. */
  readonly onMiscount: () => Promise<void>;
  /** How long after a record the next check comes. Default 60,000. */
  readonly everyMs?: number;
}

/** Proves the books again and again while they are kept. */
export interface SelfCheck {
  /** Checks what was recorded until now. Returns what is wrong, in words for a person; nothing when the books balance. */
  checkNow(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const EVERY_MS = 60_000;
/** After so many records others have a turn of some length: a check takes a small share of the processor, however much was written. */
const RECORDS_A_TURN = 500;
const PAUSE_MS = 20;
/** As many as a person reads. */
const MAX_TOLD = 5;

/** What is settled and reserved of a window, but for what calls came to beyond their bounds. */
const committed = ({ settled, reserved, overrun }: { readonly settled: bigint; readonly reserved: bigint; readonly overrun: bigint }): bigint => settled + reserved - overrun;

/**
 * Reads back from the disk what was written since the last check, with its chain of hashes, counts it a second time and compares that with the counters
 * in force. Nothing waits for it, and a ledger that is idle is not checked.
 */
export function selfCheck({ journal, state, launch, desk, recorder, log, onProblem, onMiscount, everyMs = EVERY_MS }: SelfCheckParts): SelfCheck {
  const recount = new Recount(launch);
  const checking = inTurn();
  /** What the windows held at the start: their limits at that time are not known. */
  const before = new Map([...state.windows.counts].map(([id, count]) => [id, committed(count)]));
  /** Ceilings of windows that had no counter at the last check. */
  let unused = new Set<string>();
  let told: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const overLimits = ({ windows }: Counted): readonly string[] =>
    [...windows].flatMap(([id, count]) => {
      const [start, ceiling] = [before.get(id) ?? 0n, desk.ceilings.get(id) ?? 0n];
      const most = start > ceiling ? start : ceiling;
      return committed(count) > most ? [`${id}: ${committed(count)} is settled and reserved, more than the limit allowed (${most})`] : [];
    });

  /** A window that is over keeps no limit. One whose first reservation is on its way has no counter yet. */
  const forgetOver = ({ windows }: Counted): void => {
    const isGone = (id: string): boolean => !windows.has(id);
    for (const id of before.keys()) if (isGone(id)) before.delete(id);
    for (const id of unused) if (isGone(id)) desk.ceilings.delete(id);
    unused = new Set([...desk.ceilings.keys()].filter(isGone));
  };

  /** Counts on to where the books stood. Returns whether it came to just there: a ROLLUP may stand for more, and whoever closes waits for nothing. */
  const countTo = async ({ position: end }: Counted): Promise<boolean> => {
    let count = 0;
    for await (const { record, position } of journal.replay(recount.position)) {
      if (isBehind(position, end) && record.type !== 'ROLLUP') break;
      recount.add(record, position);
      if (++count % RECORDS_A_TURN === 0) await delay(PAUSE_MS);
      if (isClosed) return false;
    }
    const { position } = recount;
    return position?.segment === end.segment && position.offset === end.offset;
  };

  const check = async (): Promise<readonly string[]> => {
    const books = countedIn(state);
    if (books === undefined || !(await countTo(books))) return [];
    const miscounts = recount.compare(books);
    if (miscounts.length > 0) await onMiscount();
    const problems = [...miscounts, ...overLimits(books)];
    forgetOver(books);
    return problems;
  };

  const tell = (problems: readonly string[]): void => {
    const more = problems.length - MAX_TOLD;
    const problem = problems.length === 0 ? undefined : `${problems.slice(0, MAX_TOLD).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
    if (problem === told) return;
    told = problem;
    if (problem === undefined) log.info('the books balance again');
    else log.error({ problems: problems.slice(0, MAX_TOLD), in_all: problems.length }, 'the books do not balance');
    onProblem(problem);
  };

  const checkNow = (): Promise<readonly string[]> =>
    checking(async () => {
      const problems = await check().catch((error: unknown) => {
        if (error instanceof StartError && error.exitCode === EXIT.DAMAGED) return [error.message];
        throw error;
      });
      tell(problems);
      return problems;
    });

  const onTime = (): void => {
    timer = undefined;
    checkNow().catch((error: unknown) => log.warn({ err: error }, 'the books cannot be checked now; it is tried again'));
  };
  const stop = recorder.subscribe(() => {
    timer ??= setTimeout(onTime, everyMs).unref();
  });

  return {
    checkNow,
    async close() {
      isClosed = true;
      stop();
      clearTimeout(timer);
      await checking(() => Promise.resolve());
    },
  };
}
