import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FAILPOINTS, type Failpoint } from '../../../../src/daemon/usage/journal/failpoint.ts';
import { idsIn, runWriter } from './spawn-writer.ts';

/** The nightly run sets more. */
const CYCLES = Number(process.env['TOLLGATE_TEST_KILLS'] ?? 40);

function directory(): string {
  const home = mkdtempSync(join(tmpdir(), 'tg-kill-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return join(home, 'journal');
}

/** Those that another process makes, with `tollgate recover`. */
const isOfRecovery = (name: Failpoint): boolean => name.startsWith('journal.recovery-') || name === 'journal.tail-cut';

describe('kill -9 of a process that writes the journal', () => {
  it(`loses nothing that was acknowledged and doubles nothing, at any moment, under 8 writers (${CYCLES} cycles)`, { timeout: CYCLES * 3000 }, async () => {
    const dir = directory();
    const acknowledged = new Set<string>();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const killAt = 1 + Math.floor(Math.random() * 400);
      let lines = 0;
      const run = await runWriter({
        args: ['--dir', dir, '--first', String(cycle * 100_000), '--compact', cycle % 2 === 0 ? '120' : '0'],
        onLine: (_line, child) => void (++lines === killAt && child.kill('SIGKILL')),
      });
      expect([run.signal, run.stderr]).toEqual(['SIGKILL', '']);
      for (const id of run.acknowledged) acknowledged.add(id);
      const held = await idsIn(dir);
      expect([...acknowledged].filter((id) => !held.has(id))).toEqual([]);
    }
    expect(acknowledged.size).toBeGreaterThan(CYCLES * 100);
  });

  it.each(FAILPOINTS.filter((name) => !isOfRecovery(name)))('loses nothing at %s', { timeout: 30_000 }, async (name) => {
    const dir = directory();
    const acknowledged = new Set<string>();
    for (const hit of [1, 2, 4]) {
      const run = await runWriter({
        args: ['--dir', dir, '--first', String(hit * 100_000), '--segment', '4096', '--compact', '60', '--count', '20000'],
        variables: { TOLLGATE_FAILPOINT: `${name}:${hit}` },
      });
      expect([run.signal, run.stderr]).toEqual(['SIGKILL', '']);
      for (const id of run.acknowledged) acknowledged.add(id);
      const held = await idsIn(dir);
      expect([...acknowledged].filter((id) => !held.has(id))).toEqual([]);
    }
    expect(acknowledged.size).toBeGreaterThan(0);
  });

  it('ends the cut of a torn tail that it has begun', async () => {
    const dir = directory();
    await runWriter({ args: ['--dir', dir, '--count', '100'] });
    const path = join(dir, '00000001.jsonl');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, -10));
    const run = await runWriter({ args: ['--dir', dir], variables: { TOLLGATE_FAILPOINT: 'journal.tail-cut' } });
    expect(run).toMatchObject({ signal: 'SIGKILL', acknowledged: [], stderr: '' });
    expect((await idsIn(dir)).size).toBe(99);
  });
});
