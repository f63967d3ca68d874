import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UsageSource } from '../../../../src/gen/tollgate/v1/usage_service.ts';
import { billedAnswer, billedHome, costOfWords, type BilledDaemon } from './billed-daemon.ts';
import { checkBooks, checkJournal, isCrashed } from './check-books.ts';
import { noStrace } from './no-strace.ts';

/** Enough for a checkpoint: 1,000 tokens of about 4 bytes. */
const LONG = 1200;

interface Crash {
  readonly name: string;
  /** Where the journal ends the process: the first call's writes are RESERVE with ATTEMPT, perhaps CHECKPOINT, SETTLE. */
  readonly failpoint: string;
  /** Whether the answer is so long that a checkpoint is due, and then waits for ever. */
  readonly isLong?: boolean;
  /** Whether the provider was called. */
  readonly isCalled: boolean;
  /** What became of the call: nobody ever knew of it, an estimate, or the whole. */
  readonly end: 'unknown' | 'estimated' | 'whole';
  /** The output that is known of an estimate. */
  readonly outputTokens?: bigint;
}

const CRASHES: readonly Crash[] = [
  { name: 'before the reservation and the attempt are written', failpoint: 'journal.before-write:1', isCalled: false, end: 'unknown' },
  { name: 'before they are synced', failpoint: 'journal.after-write:1', isCalled: false, end: 'estimated', outputTokens: 0n },
  { name: 'after they are', failpoint: 'journal.after-sync:1', isCalled: false, end: 'estimated', outputTokens: 0n },
  { name: 'before a checkpoint is written', failpoint: 'journal.before-write:2', isLong: true, isCalled: true, end: 'estimated', outputTokens: 0n },
  { name: 'after a checkpoint', failpoint: 'journal.after-sync:2', isLong: true, isCalled: true, end: 'estimated', outputTokens: 1000n },
  { name: 'before the end is written', failpoint: 'journal.before-write:2', isCalled: true, end: 'estimated', outputTokens: 0n },
  { name: 'before the end is synced', failpoint: 'journal.after-write:2', isCalled: true, end: 'whole' },
  { name: 'after the end', failpoint: 'journal.after-sync:2', isCalled: true, end: 'whole' },
];

/** Checks that nothing is open, and that used is what the books hold. */
async function expectClosed(daemon: BilledDaemon, used: number): Promise<void> {
  expect(await daemon.quota()).toMatchObject([{ used: BigInt(used), reserved: 0n }]);
  daemon.spawned.child.kill('SIGTERM');
  expect(await daemon.spawned.exit).toBe(0);
  expect(await checkJournal(daemon.spawned.environment.home.journalDir)).toMatchObject({ settled: used });
}

describe('a daemon that is killed', { timeout: 30_000 }, () => {
  it.each(CRASHES)('$name has the books right when it starts again', async ({ failpoint, isLong = false, isCalled, end, outputTokens }) => {
    const home = await billedHome({ requests: { month: 100 } });
    if (isLong) home.upstream.answer(({ body }) => ({ ...billedAnswer(body), ending: 'hold', body: billedAnswer(body).body?.slice(0, -1) ?? '' }));
    const daemon = await home.start({ TOLLGATE_FAILPOINT: failpoint });
    const words = isLong ? LONG : 5;
    const seen = await daemon.generate(words);
    expect([seen.finish, seen.code]).toEqual([undefined, status.UNAVAILABLE]);
    expect(await daemon.spawned.exit).toBe('SIGKILL');
    expect(home.upstream.requests).toHaveLength(isCalled ? 1 : 0);

    const after = await home.start();
    const exported = await after.exported();
    checkBooks(exported, [seen]);
    if (end === 'unknown') expect(exported).toEqual([]);
    if (end === 'whole') expect(exported).toMatchObject([{ usageSource: UsageSource.REPORTED, cost: { expectedPicoUsd: costOfWords(words) } }]);
    if (end === 'estimated') {
      const [generation] = exported;
      expect(exported.map(isCrashed)).toEqual([true]);
      expect(generation?.usage?.outputTokens).toBeGreaterThanOrEqual(outputTokens ?? 0n);
      if (outputTokens === 0n) expect(generation?.usage?.outputTokens).toBe(0n);
      // The truth is within the estimate, whether the provider bills all of it, a part, or nothing.
      if (isCalled && !isLong) expect(generation?.cost?.highPicoUsd).toBeGreaterThanOrEqual(costOfWords(words));
    }
    await expectClosed(after, exported.length);
  });

  it('at the first byte of an answer estimates it', async () => {
    const home = await billedHome({ requests: { month: 100 } });
    home.upstream.answer(({ body }) => ({ ...billedAnswer(body), ending: 'hold', body: billedAnswer(body).body?.slice(0, 1) ?? '' }));
    const daemon = await home.start();
    const seen = await daemon.generate(50, ({ event }) => void (event?.$case === 'textDelta' && daemon.spawned.child.kill('SIGKILL')));
    expect([seen.id === undefined, seen.finish]).toEqual([false, undefined]);
    await daemon.spawned.exit;
    const after = await home.start();
    const exported = await after.exported();
    checkBooks(exported, [seen]);
    expect(exported.map(isCrashed)).toEqual([true]);
    await expectClosed(after, 1);
  });
});

if (noStrace !== undefined) console.warn(`daemon-failpoints.test.ts is skipped in part: it ${noStrace}`);

/** Lets the system end a process when it begins its n-th call of this kind. */
async function killAtCall(pid: number, syscall: string, when: number): Promise<void> {
  const tracer = spawn('strace', ['-f', '-p', String(pid), '-o', '/dev/null', '-e', `trace=${syscall}`, '-e', `inject=${syscall}:signal=SIGKILL:when=${when}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void tracer.kill('SIGKILL'));
  // It says so once for each thread; those of the process are there from its start.
  await once(createInterface({ input: tracer.stderr }), 'line');
}

describe.skipIf(noStrace !== undefined)('a daemon that is killed while it writes its snapshot', { timeout: 30_000 }, () => {
  it.each([
    ['before the new file is synced', 'fsync', 1, false],
    ['before the new file takes its name', 'rename', 1, false],
    ['before the directory is synced', 'fsync', 2, true],
  ] as const)('%s has the old one or the new one, and the books right', async (_title, syscall, when, isNew) => {
    const home = await billedHome({ requests: { month: 100 } });
    const first = await home.start();
    await first.generate(3);
    first.spawned.child.kill('SIGTERM');
    await first.spawned.exit;
    const { usageFile } = first.spawned.environment.home;
    const before = readFileSync(usageFile, 'utf8');

    // strace counts the calls of each thread apart.
    const daemon = await home.start({ UV_THREADPOOL_SIZE: '1' });
    await killAtCall(daemon.spawned.child.pid ?? 0, syscall, when);
    const seen = await daemon.generate(4);
    expect(seen.finish).toBeDefined();
    expect(await daemon.spawned.exit).toBe('SIGKILL');
    expect(readdirSync(dirname(usageFile)).some((name) => /^usage\.json\..*\.tmp$/.test(name))).toBe(!isNew);
    expect(readFileSync(usageFile, 'utf8') !== before).toBe(isNew);

    const after = await home.start();
    const exported = await after.exported();
    checkBooks(exported, [seen]);
    expect(exported).toHaveLength(2);
    expect(after.spawned.log()).not.toContain('damaged');
    await expectClosed(after, 2);
  });
});
