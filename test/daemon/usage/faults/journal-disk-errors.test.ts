import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Failure } from '../../../../src/daemon/failure.ts';
import { append, ids, openAt, range, replayed } from '../journal-home.ts';
import { noStrace } from './no-strace.ts';
import { idsIn, runWriter, type WriterRun } from './spawn-writer.ts';

function directory(): string {
  const home = mkdtempSync(join(tmpdir(), 'tg-errors-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return join(home, 'journal');
}

interface Injected {
  readonly dir: string;
  readonly inject: readonly string[];
  readonly args?: readonly string[];
  /** Kills the writer when it was refused as often. */
  readonly killAfter?: number;
}

/** Runs the writer with system calls that fail. One thread does them all, so that they are counted as they come. */
async function runInjected({ dir, inject, args = ['--count', '400'], killAfter = Infinity }: Injected): Promise<WriterRun> {
  let refused = 0;
  return runWriter({
    args: ['--dir', dir, ...args],
    wrapper: ['strace', '-f', '-o', '/dev/null', '-e', 'trace=fdatasync,fsync,pwrite64,ftruncate', ...inject.flatMap((each) => ['-e', `inject=${each}`])],
    variables: { UV_THREADPOOL_SIZE: '1' },
    // strace hands the signal on only when it is sent to the program itself, which is not our child.
    onLine: (line, child) => void (line.startsWith('refused') && ++refused === killAfter && spawnSync('sh', ['-c', `for each in $(cat /proc/${child.pid}/task/*/children); do kill -9 $each; done`])),
  });
}

if (noStrace !== undefined) console.warn(`journal-disk-errors.test.ts is skipped in part: it ${noStrace}`);

describe.skipIf(noStrace !== undefined)('the journal on a disk that fails', () => {
  it.each([2, 3, 5, 9, 14, 20])('takes back what a failed sync (of call %i) left unsure, and goes on in a new segment', { timeout: 30_000 }, async (when) => {
    const dir = directory();
    const run = await runInjected({ dir, inject: [`fdatasync:error=EIO:when=${when}`] });
    expect([run.code, run.stderr]).toEqual([0, '']);
    expect(run.refused.length).toBeGreaterThan(0);
    for (const line of run.refused) expect(line).toMatch(/0000000\d\.jsonl cannot be synced: EIO/);
    expect([...(await idsIn(dir))].sort()).toEqual([...run.acknowledged].sort());
    expect(readdirSync(dir)).toContain('00000002.jsonl');
  });

  it('takes back what a failed write left unsure', { timeout: 30_000 }, async () => {
    // Those of the reserve have no position, and are not counted.
    for (const when of [1, 2, 6]) {
      const dir = directory();
      const run = await runInjected({ dir, inject: [`pwrite64:error=EIO:when=${when}`] });
      expect([run.code, run.stderr]).toEqual([0, '']);
      expect(run.refused.length).toBeGreaterThan(0);
      expect([...(await idsIn(dir))].sort()).toEqual([...run.acknowledged].sort());
    }
  });

  it('finds out what the file holds when a write that had no room cannot be taken back', { timeout: 30_000 }, async () => {
    const dir = directory();
    const run = await runInjected({ dir, inject: ['pwrite64:error=ENOSPC:when=5', 'ftruncate:error=EIO:when=1'] });
    expect([run.code, run.stderr]).toEqual([0, '']);
    expect(run.refused.length).toBeGreaterThan(0);
    expect([...(await idsIn(dir))].sort()).toEqual([...run.acknowledged].sort());
  });

  it('never says that something is on a disk that syncs nothing more, and keeps what was', { timeout: 30_000 }, async () => {
    const dir = directory();
    const run = await runInjected({ dir, inject: ['fdatasync:error=EIO:when=6+'], args: [], killAfter: 8 });
    expect(run.refused.length).toBeGreaterThanOrEqual(8);
    const held = await idsIn(dir);
    expect(run.acknowledged.filter((id) => !held.has(id))).toEqual([]);
  });
});

describe('the journal whose files others touch', () => {
  it('acknowledges nothing once its file was removed, and says so', { timeout: 20_000 }, async () => {
    const dir = directory();
    const journal = await openAt(dir);
    await journal.whenWritable();
    await append(journal, range(0, 3));
    const path = join(dir, '00000001.jsonl');
    rmSync(path);
    const refused: unknown = await journal.append(range(3, 4)[0]!).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Failure);
    expect(refused).toMatchObject({ reason: 'JOURNAL_UNAVAILABLE', message: expect.stringContaining(`${path} was removed while it was in use`) });
    await expect.poll(() => journal.problem).toContain('ENOENT');
    await expect(journal.append(range(3, 4)[0]!)).rejects.toThrow(Failure);
  });

  it('goes on where it was when its file is back', { timeout: 20_000 }, async () => {
    const dir = directory();
    const journal = await openAt(dir);
    await journal.whenWritable();
    await append(journal, range(0, 3));
    const path = join(dir, '00000001.jsonl');
    const bytes = readFileSync(path);
    rmSync(path);
    await expect(journal.append(range(3, 4)[0]!)).rejects.toThrow(Failure);
    writeFileSync(path, bytes.subarray(0, -1), { mode: 0o600 });
    await expect.poll(() => journal.problem, { timeout: 5000 }).toContain('does not hold what was written to it');
    writeFileSync(path, bytes, { mode: 0o600 });
    await journal.whenWritable();
    await append(journal, range(3, 5));
    expect(ids(await replayed(journal))).toEqual(ids(range(0, 5)));
  });
});
