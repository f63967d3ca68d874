import { setImmediate } from 'node:timers/promises';
import { Failure } from '../../failure.ts';
import { inTurn } from '../../files/in-turn.ts';
import type { Journal, JournalPosition, JournalRecord } from '../journal-record.ts';
import { removeReplaced, writeRollup } from './compact.ts';
import { refusedFile } from './damage.ts';
import { watchHealth } from './health.ts';
import { MAX_JSON_BYTES } from './line.ts';
import { isJournalRecord } from './parse-record.ts';
import { prepareJournal, type JournalLog } from './prepare.ts';
import { planReplay, replay } from './replay.ts';
import { diskReserve } from './reserve.ts';
import type { Segment } from './segment-file.ts';
import { segmentWriter, WriteFailed, type WritableRecord } from './segment-writer.ts';

const MIB = 1024 * 1024;
const SEGMENT_BYTES = 8 * MIB;
const RESERVE_BYTES = 4 * MIB;
/** What one write takes, and the most that one record may have: what a crash tears is never more. */
const MAX_WRITE_CHARS = MIB;
const MAX_RECORD_BYTES = MIB;
const CHECKPOINT_WAIT_MS = 500;

export interface JournalOptions {
  /** `state/journal`. Made when it is not there, mode 0700. Nobody else may write in it. */
  readonly dir: string;
  readonly log: JournalLog;
  /** A segment that has become as long is followed by a new one. Default 8 MiB. */
  readonly segmentBytes?: number;
  /** What is kept free for the end of running calls when the disk is full. Default 4 MiB. */
  readonly reserveBytes?: number;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
}

/** A file of the journal, for whoever decides what is kept. */
export type SegmentInfo = Pick<Segment, 'segment' | 'end' | 'bytes' | 'records' | 'newest'>;

export interface OpenJournal extends Journal {
  /** Oldest first; the last one takes the next record, unless it is long enough. The first may hold a ROLLUP. */
  readonly segments: readonly SegmentInfo[];
  /** Lets the next record begin a segment. Returns the end of the last record, up to which can be compacted then; undefined when there is none. */
  seal(): Promise<JournalPosition | undefined>;
  /**
   * Puts a ROLLUP in the place of every record up to `upTo`, which is the end of a segment, and frees the room. A replay from within them
   * begins with the ROLLUP. Throws a RangeError for another position and a ROLLUP of more than 64 MiB, and JOURNAL_UNAVAILABLE when it cannot be written: then nothing has changed.
   */
  compact(upTo: JournalPosition, rollup: JournalRecord): Promise<void>;
  /** Resolves when every record can be written, and the room for a full disk is set aside. */
  whenWritable(): Promise<void>;
}

interface Waiting extends WritableRecord {
  /** Whether it ends a running call: written even when the disk is full. */
  readonly isEnd: boolean;
  readonly resolve: (position: JournalPosition) => void;
  readonly reject: (error: Error) => void;
}

const isEnd = ({ type }: JournalRecord): boolean => type === 'SETTLE' || type === 'VOID' || type === 'EXPIRE';

const unavailable = (problem: string, cause?: unknown): Failure => new Failure('JOURNAL_UNAVAILABLE', `what is used cannot be written down: ${problem}`, { cause });

/** A record as it is written. What could not be read again is a mistake of ours, and is not written. */
function jsonOf(record: JournalRecord, maxBytes: number): string {
  if (!isJournalRecord(record)) throw new TypeError('this is no record of the journal');
  const json = JSON.stringify(record);
  if (json.length > maxBytes || Buffer.byteLength(json) > maxBytes) throw new RangeError(`a ${record.type} of ${json.length} characters is too long for the journal (${maxBytes} bytes)`);
  return json;
}

/** Takes records off the queue, as many as go into one write. */
function takeBatch(waiting: Waiting[]): Waiting[] {
  let chars = 0;
  let count = 0;
  for (const { json } of waiting) {
    if (count > 0 && chars + json.length > MAX_WRITE_CHARS) break;
    chars += json.length;
    count++;
  }
  return waiting.splice(0, count);
}

/**
 * Opens the journal and checks all of it. A write that a crash cut short is cut off, with one warning. Throws a StartError (78) that says what is
 * damaged and what to do, before anything is changed. Only one may be open on a directory: that is the instance lock's part.
 */
export async function openJournal({ dir, log, segmentBytes = SEGMENT_BYTES, reserveBytes = RESERVE_BYTES, clock = Date.now }: JournalOptions): Promise<OpenJournal> {
  const { segments, handle } = await prepareJournal(dir, log, clock()).catch((error: unknown) => {
    throw refusedFile(error, dir);
  });
  const writer = segmentWriter({ dir, segmentBytes, clock, segments, handle });
  /** What changes the newest segment. */
  const writing = inTurn();
  /** What opens or removes the others. */
  const filing = inTurn();
  const health = watchHealth({ dir, log, reserve: diskReserve(dir, reserveBytes), reopen: () => writing(writer.reopen) });
  let waiting: Waiting[] = [];
  /** Whether a write is on its way that takes what waits. */
  let isComing = false;
  let lateTimer: NodeJS.Timeout | undefined;
  let closed = false;

  function refuse(records: readonly Waiting[], cause: unknown): void {
    const failure = unavailable(health.trouble?.problem ?? String(cause), cause);
    for (const { reject } of records) reject(failure);
  }

  /** Refuses what waits and cannot be written now; returns the records of the batch that can. */
  function sortOut(batch: readonly Waiting[], cause: unknown): readonly Waiting[] {
    const isFull = health.trouble?.kind === 'full';
    const queued = waiting;
    waiting = queued.filter((each) => isFull && each.isEnd);
    refuse([...batch, ...queued].filter((each) => !isFull || !each.isEnd), cause);
    return batch.filter((each) => isFull && each.isEnd);
  }

  async function commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const positions = await writer.write(batch);
      for (const [index, position] of positions.entries()) batch[index]?.resolve(position);
    } catch (error) {
      const failed = error instanceof WriteFailed ? error : new WriteFailed(String(error), false, error);
      if (!failed.isFull) health.broken(failed);
      const hasRoom = failed.isFull && (await health.full(failed));
      const left = sortOut(batch, failed);
      if (hasRoom && left.length > 0) return commit(left);
      refuse(left, failed);
    }
  }

  /** One write a turn, with all that comes in the same turn of the event loop: under a load that never ends, others have theirs too. */
  function commitSoon(): void {
    if (isComing) return;
    isComing = true;
    clearTimeout(lateTimer);
    lateTimer = undefined;
    void writing(async () => {
      await setImmediate();
      isComing = false;
      const batch = takeBatch(waiting);
      if (batch.length > 0) await commit(batch);
      if (waiting.length > 0) commitSoon();
    });
  }

  async function sealAt(position: JournalPosition): Promise<Segment | undefined> {
    if (position.segment === segments.at(-1)?.segment) await writing(writer.seal);
    return segments.find(({ segment, end, records }) => segment === position.segment && end === position.offset && records > 0);
  }

  async function compact(upTo: JournalPosition, rollup: JournalRecord): Promise<void> {
    if (rollup.type !== 'ROLLUP') throw new TypeError(`a ${rollup.type} stands for nothing but itself`);
    const replaced = await sealAt(upTo);
    if (replaced === undefined) throw new RangeError(`byte ${upTo.offset} of segment ${upTo.segment} is not the end of a segment`);
    const written = await writeRollup(dir, replaced, jsonOf(rollup, MAX_JSON_BYTES), clock()).catch((error: unknown) => {
      throw unavailable(error instanceof Error ? error.message : String(error), error);
    });
    const older = segments.splice(0, segments.indexOf(replaced) + 1, written).slice(0, -1);
    await removeReplaced(dir, older.map(({ segment }) => segment)).catch((error: unknown) => {
      log.warn({ err: error }, 'segments of the journal that are not needed any more cannot be removed; the next start tries again');
    });
  }

  return {
    segments,
    get problem() {
      return health.trouble?.problem;
    },
    append: (record) =>
      new Promise((resolve, reject) => {
        const json = jsonOf(record, MAX_RECORD_BYTES);
        if (closed) throw unavailable('the daemon is stopping');
        const { trouble } = health;
        if (trouble !== undefined && !(trouble.kind === 'full' && isEnd(record))) throw unavailable(trouble.problem);
        waiting.push({ json, time: record.time, isEnd: isEnd(record), resolve, reject });
        // Nobody waits for a checkpoint: it goes with the next record, or by itself in a while.
        if (record.type !== 'CHECKPOINT') commitSoon();
        else if (!isComing) lateTimer ??= setTimeout(commitSoon, CHECKPOINT_WAIT_MS).unref();
      }),
    replay: (after) => replay(() => filing(() => planReplay(dir, segments, after))),
    seal: () => writing(writer.seal),
    compact: (upTo, rollup) => filing(() => compact(upTo, rollup)),
    whenWritable: () => health.whenWell(),
    async close() {
      closed = true;
      if (waiting.length > 0) commitSoon();
      await health.close();
      await writing(writer.close);
      await filing(() => Promise.resolve());
    },
  };
}
