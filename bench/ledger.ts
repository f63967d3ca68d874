import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock, type Clock } from '../src/daemon/usage/clock.ts';
import { callMany, openBooks, RECORDS_PER_CALL } from './bench-books.ts';
import { percentile } from './median.ts';

/**
 * `node bench/ledger.ts grow HOME RECORDS` writes the journal of a home, over the last 62 days. `node bench/ledger.ts cost HOME` measures what a call costs its
 * books, and how its snapshot is written. Prints a line of JSON.
 */
const [task, home = '', records = '0'] = process.argv.slice(2);

const DAYS_MS = 62 * 86_400_000;
const WARM_UP_CALLS = 4000;
const CALLS = 1000;
const AT_A_TIME = 64;

export interface LedgerCost {
  readonly openMs: number;
  readonly callP50Ms: number;
  readonly cpuUsPerCall: number;
  readonly snapshotMb: number;
  /** The longest that anything waited for the event loop while the snapshot was written, and in as long a time without. */
  readonly snapshotStallMs: number;
  readonly idleStallMs: number;
}

async function grow(): Promise<void> {
  const calls = Math.ceil(Number(records) / RECORDS_PER_CALL);
  const startMs = Date.now() - DAYS_MS;
  let made = 0;
  // The time goes by with the calls, not with the clock.
  const clock: Clock = { now: () => startMs + Math.trunc((made / calls) * DAYS_MS), monotonic: () => performance.now() };
  const books = await openBooks(home, clock);
  await callMany(books, calls, 256, () => void made++);
  await books.close();
}

/** The longest that the event loop was held up in a second. */
async function longestStall(): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await sleep(1000);
  delay.disable();
  return delay.max / 1e6;
}

/** What a JIT compiler does in its first seconds is another matter. */
async function warmUp(): Promise<void> {
  const elsewhere = await mkdtemp(join(tmpdir(), 'tollgate-warm-'));
  const books = await openBooks(elsewhere, systemClock);
  await callMany(books, WARM_UP_CALLS, AT_A_TIME);
  await books.close();
  await rm(elsewhere, { recursive: true });
}

async function cost(): Promise<LedgerCost> {
  await warmUp();
  const begin = performance.now();
  const books = await openBooks(home, systemClock);
  const openMs = performance.now() - begin;
  // The first call leads to a snapshot, 100 ms later; the next one follows after 10 s.
  await books.call(0);
  const snapshotStallMs = await longestStall();
  const idleStallMs = await longestStall();
  const waits: number[] = [];
  const cpu = process.cpuUsage();
  await callMany(books, CALLS, AT_A_TIME, (tookMs) => void waits.push(tookMs));
  const { user, system } = process.cpuUsage(cpu);
  await books.close();
  const { size } = await stat(join(home, 'state/usage.json'));
  return { openMs, callP50Ms: percentile(waits, 0.5), cpuUsPerCall: (user + system) / CALLS, snapshotMb: size / 1e6, snapshotStallMs, idleStallMs };
}

if (task === 'grow') await grow();
else process.stdout.write(`${JSON.stringify(await cost())}\n`);
