import { rm } from 'node:fs/promises';
import { Cost_Provenance, type Cost } from '../../gen/tollgate/v1/content.ts';
import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import type { Tier } from '../access/caller.ts';
import type { UsageConfig } from '../config/usage-config.ts';
import { inTurn } from '../files/in-turn.ts';
import type { Logger } from '../logger.ts';
import { calendarOf, localZone, type Calendar } from './calendar.ts';
import { systemClock, type Clock } from './clock.ts';
import { compactJournal, weekOf, type CompactedJournal } from './compact-journal.ts';
import { apply, emptyState, type LedgerState } from './fold.ts';
import { gather, type Sources } from './gather.ts';
import { writeGeneration } from './generation-record.ts';
import type { Journal, JournalRecord } from './journal-record.ts';
import { idMark, knownIds } from './known-ids.ts';
import type { Ledger } from './ledger.ts';
import { exportGenerations, findGeneration, listGenerations } from './list-generations.ts';
import { queryUsage } from './query-usage.ts';
import { quotaDesk, type Foresight, type QuotaQuestion } from './quota-desk.ts';
import { recentGenerations } from './recent-generations.ts';
import { recorder, type Recorder } from './recorder.ts';
import { reservations } from './reserve.ts';
import { crashed, type CrashCost } from './settle-record.ts';
import { selfCheck } from './self-check.ts';
import { openSnapshot, type Snapshot } from './snapshot.ts';
import { noSums } from './sums.ts';
import { summarize } from './summarize.ts';
import type { UsageBook } from './usage-book.ts';
import { watchGenerations } from './watch-generations.ts';

export interface LedgerOptions {
  readonly journal: Journal & CompactedJournal;
  /** `state/usage.json`. */
  readonly snapshotFile: string;
  /** The config in force. Its `retention.labels` are those of the start. */
  readonly config: () => UsageConfig;
  readonly log: Logger;
  /** Says what a generation cost that a crash cut short. */
  readonly crashCost: CrashCost;
  /** Models that a tier allows and that cost less than this one, as `provider/model`. Default: none. */
  readonly cheaperModels?: (model: string, tier: Tier) => readonly string[];
  /** The IANA zone whose days are summed up. Default: the machine's. */
  readonly timeZone?: string;
  readonly clock?: Clock;
  /** Told what is wrong with the books when that changes; undefined is nothing. */
  readonly onProblem?: (problem: string | undefined) => void;
  /** How long after a record the books are checked. Default 60,000. */
  readonly checkEveryMs?: number;
}

export interface OpenLedger extends Ledger, UsageBook {
  /** What `reserve` would do. Reserves nothing. */
  foresee(question: QuotaQuestion): Foresight;
  /** Reservations without an end. */
  readonly openCount: number;
  /** Generations that came to more than they had reserved. */
  readonly overrunCount: number;
  /** Frees what is older or larger than the config keeps. Done by itself once an hour. */
  compact(): Promise<void>;
  /** Checks that the books balance. Returns what is wrong; nothing when they do. Done by itself within 60 s of a record. */
  check(): Promise<readonly string[]>;
  /** Writes the snapshot. The journal stays open. */
  close(): Promise<void>;
}

const COMPACT_EVERY_MS = 3_600_000;

async function replayInto(state: LedgerState, journal: Pick<Journal, 'replay'>): Promise<LedgerState> {
  for await (const { record, position } of journal.replay(state.position)) apply(state, record, position);
  return state;
}

/** What the journal adds up to, read from where the snapshot ends; or from its beginning, when the two do not belong together. */
async function fold(journal: Pick<Journal, 'replay'>, snapshot: Snapshot, fresh: () => LedgerState, log: Logger): Promise<LedgerState> {
  if (snapshot.initial === undefined) return replayInto(fresh(), journal);
  try {
    return await replayInto(snapshot.initial, journal);
  } catch (error) {
    const state = await replayInto(fresh(), journal);
    log.error({ err: error }, 'the journal does not go on where the usage snapshot ends: the journal counts, and the snapshot is made anew');
    return state;
  }
}

/** Ends what a crash left open. */
async function endCrashed(state: LedgerState, records: Recorder, crashCost: CrashCost, nowMs: number, log: Logger): Promise<void> {
  const left = [...state.open.values()];
  if (left.length === 0) return;
  const ends = await Promise.all(left.map(async (open): Promise<JournalRecord> => (open.attempts.length === 0 ? { type: 'VOID', id: open.id, time: nowMs, reason: 'the daemon ended before anybody was called' } : crashed(open, crashCost, nowMs))));
  const estimated = ends.filter(({ type }) => type === 'SETTLE').length;
  log.warn({ estimated, given_back: ends.length - estimated }, 'the daemon did not end well: what ran then is estimated from its last checkpoint');
  const failed = (await Promise.allSettled(ends.map((end) => records.recordEnd(end)))).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') log.error({ err: failed.reason }, 'the end of what ran then cannot be written yet');
}

/** Whatever goes wrong with a price: what is not known is said to be. */
const guarded =
  (crashCost: CrashCost, log: Logger): CrashCost =>
  async (...crash): Promise<Cost> => {
    try {
      return await crashCost(...crash);
    } catch (error) {
      log.error({ err: error }, 'cannot estimate what a generation cost that a crash cut short');
      return { provenance: Cost_Provenance.UNKNOWN, priceVersion: '' };
    }
  };

function summedCalendar(timeZone: string | undefined): Calendar {
  const zone = timeZone ?? localZone();
  const calendar = calendarOf(zone);
  if (calendar === undefined) throw new RangeError(`there is no time zone "${zone}"`);
  return calendar;
}

/**
 * Opens the books: reads the snapshot and what the journal has behind it, and ends what a crash left open. Throws a StartError for a journal
 * that is damaged, and for a snapshot of a newer version.
 */
export async function openLedger(options: LedgerOptions): Promise<OpenLedger> {
  const { journal, config, log, clock = systemClock, cheaperModels = () => [] } = options;
  const calendar = summedCalendar(options.timeZone);
  const { labels: labelNames } = config().retention;
  const snapshot = await openSnapshot({ file: options.snapshotFile, calendar, labelNames, clock, log });
  const state = await fold(journal, snapshot, () => emptyState(calendar, labelNames), log);
  const launch = state.position;
  // What took long to read is not read again at the next start.
  if (snapshot.initial === undefined && state.position !== undefined) snapshot.changed(state);
  const records = recorder(journal, state);
  let isTrusted = true;
  let week = weekOf(journal.segments.at(-1)?.newest ?? clock.now());
  records.subscribe(({ record }) => {
    if (isTrusted) snapshot.changed(state);
    if (weekOf(record.time) === week) return;
    week = weekOf(record.time);
    journal.seal().catch((error: unknown) => log.warn({ err: error }, 'cannot begin another segment of the journal'));
  });
  const now = (): number => Math.trunc(clock.now());
  const crashCost = guarded(options.crashCost, log);
  const recent = recentGenerations(records, state);
  await endCrashed(state, records, crashCost, now(), log);

  const desk = quotaDesk({ state, config, log, cheaperModels });
  const ledger = reservations({ state, desk, recorder: records, clock, crashCost, log });
  const sources: Sources = { journal, state };
  const known = knownIds(journal, state, records);
  const compacting = inTurn();
  // The next start counts anew, from the journal alone.
  const distrust = async (): Promise<void> => {
    isTrusted = false;
    await rm(options.snapshotFile, { force: true });
  };
  const { onProblem = () => {}, checkEveryMs } = options;
  const selfChecks = selfCheck({ journal, state, launch, desk, recorder: records, log, onProblem, onMiscount: distrust, ...(checkEveryMs === undefined ? {} : { everyMs: checkEveryMs }) });

  const compact = (): Promise<void> =>
    compacting(async () => {
      const upTo = await compactJournal(journal, state, config().retention, now());
      if (upTo === undefined) return;
      recent.forget(upTo);
      log.info({ segment: upTo.segment }, 'summed up what of the journal is older or larger than the config keeps');
      if (isTrusted) await snapshot.write(state);
    });
  const timer = setInterval(() => void compact().catch((error: unknown) => log.warn({ err: error }, 'cannot sum up the journal; it is tried again')), COMPACT_EVERY_MS).unref();

  const takeIn = async (generation: Generation): Promise<'imported' | 'duplicate'> => {
    const marks = await known.marks();
    const id = generation.generationId;
    const mark = idMark(id);
    if (marks.has(mark) || state.open.has(id)) return 'duplicate';
    marks.add(mark);
    try {
      const settleTime = generation.settleTime ?? new Date(now());
      await records.record({ type: 'IMPORT', id, time: now(), generation: writeGeneration({ ...generation, settleTime }) });
      return 'imported';
    } catch (error) {
      marks.delete(mark);
      throw error;
    }
  };

  const clear = async (before: Date): Promise<number> => {
    let count = 0;
    const everybody = { client: undefined, provider: '', model: '', labels: {} };
    await gather(sources, { startMs: 0, endMs: before.getTime(), selection: everybody, calendar: undefined, byHour: false, byLabels: [], byModel: false }, (_facts, addTo) => {
      const sums = noSums();
      addTo(sums);
      count += sums.requests;
    });
    await records.record({ type: 'CLEAR', time: now(), before: before.getTime() });
    return count;
  };

  return {
    get openCount() {
      return state.open.size;
    },
    get overrunCount() {
      return state.overruns;
    },
    reserve: (request) => ledger.reserve(request),
    foresee: (question) => desk.foresee(question, now()),
    summary: (timeZone, who) => summarize(sources, timeZone, who, now()),
    query: (query, who) => queryUsage(sources, query, who, now()),
    list: (filter, page, who) => listGenerations(sources, recent, filter, page, who),
    get: (id, who) => findGeneration(sources, recent, id, who),
    watch: (filter, who, signal) => watchGenerations(records, filter, who, signal),
    export: (filter, who, signal) => exportGenerations(sources, filter, who, signal),
    import: takeIn,
    clear,
    quota: (client, tier) => desk.quota(client, tier ?? state.tiers.get(client) ?? 'free', now()),
    compact,
    check: () => selfChecks.checkNow(),
    async close() {
      clearInterval(timer);
      known.close();
      await compacting(() => Promise.resolve());
      await selfChecks.close();
      await records.close();
      await snapshot.close();
      if (!isTrusted) await distrust();
    },
  };
}
