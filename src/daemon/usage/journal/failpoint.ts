/** Where a test can end the process: what has happened when it comes there, and what has not. */
export const FAILPOINTS = [
  /** Records wait; none of this write is in the file. */
  'journal.before-write',
  /** They are in the file, perhaps not on the disk. */
  'journal.after-write',
  /** They are on the disk; nobody was told. */
  'journal.after-sync',
  /** A new segment was written and synced; its name in the directory perhaps not. */
  'journal.segment-created',
  /** A torn tail was cut off at opening; perhaps not on the disk. */
  'journal.tail-cut',
  /** The segment that holds the ROLLUP is on the disk, under a temporary name. */
  'journal.rollup-written',
  /** It has taken the place of the newest segment that it stands for; perhaps not on the disk. */
  'journal.rollup-renamed',
  /** The same, on the disk; the other segments that it stands for are still there. */
  'journal.rollup-synced',
  /** One of those is gone. */
  'journal.segment-removed',
  /** `tollgate recover` has written the fresh segment, under a temporary name. */
  'journal.recovery-written',
  /** It has its own name; the old segments are still there. */
  'journal.recovery-renamed',
  /** One of the old segments is out of the way. */
  'journal.recovery-aside',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

const [wanted, count = '1'] = (process.env['TOLLGATE_FAILPOINT'] ?? '').split(':');
let hitsLeft = Number(count);

/**
 * Ends the process with SIGKILL, as a crash would, at the n-th time that it comes to the place that `TOLLGATE_FAILPOINT=<name>:<n>` names
 * (n from 1, default 1). Does nothing without the variable. Only for tests: this is the one file that reads it.
 */
export function failpoint(name: Failpoint): void {
  if (name === wanted && --hitsLeft === 0) process.kill(process.pid, 'SIGKILL');
}
