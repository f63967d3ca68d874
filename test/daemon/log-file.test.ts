import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openLogFile } from '../../src/daemon/log-file.ts';
import { spawnDaemon } from './spawned-daemon.ts';
import { temporaryHome } from './test-daemon.ts';

function folder(): string {
  const path = temporaryHome();
  mkdirSync(path, { recursive: true });
  return path;
}

const content = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** Drops what is written until `mend`, then goes on. Returns what it said of that. */
async function outage(directory: string, path: string, mend: () => void): Promise<string[]> {
  const problems: string[] = [];
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const log = openLogFile(path, { retryMs: 0, onProblem: (message) => (problems.push(message), resolve()) });
  log.write('one\n');
  await told;
  mend();
  const watcher = watch(directory);
  log.write('two\n');
  while (!content(path).includes('two\n')) await once(watcher, 'change');
  watcher.close();
  return problems;
}

describe('a log file that cannot be written', () => {
  it('drops lines, says so once, and is opened again later', async () => {
    const directory = folder();
    const path = join(directory, 'a.log');
    mkdirSync(path);
    expect(await outage(directory, path, () => rmdirSync(path))).toHaveLength(1);
    expect(content(path)).toMatch(/^\{.*lines are missing here.*\}\ntwo\n$/);
  });

  it('goes on where a full disk has room again', async ({ skip }) => {
    const directory = folder();
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]).status !== 0) skip('only root can make a small disk');
    onTestFinished(() => void spawnSync('umount', ['-l', directory]));
    const filler = join(directory, 'filler');
    expect(() => writeFileSync(filler, Buffer.alloc(1024 * 1024))).toThrow(/ENOSPC/);
    const path = join(directory, 'a.log');
    expect(await outage(directory, path, () => rmSync(filler))).toEqual([expect.stringContaining('ENOSPC')]);
    expect(content(path)).toMatch(/lines are missing here.*ENOSPC.*\}\ntwo\n$/);
  });

  it('does not end the daemon', async () => {
    const home = folder();
    const daemon = spawnDaemon({ home, args: ['--log-file', home] });
    expect(await daemon.ready).toBe('ready');
    while (!daemon.log().includes('cannot be written')) await once(daemon.child.stderr!, 'data');
    daemon.child.kill('SIGTERM');
    expect(await daemon.exit).toBe(0);
  });
});

it('goes on when nobody reads its standard error any more', async () => {
  const daemon = spawnDaemon({ variables: { TOLLGATE_LOG_LEVEL: 'trace' } });
  expect(await daemon.ready).toBe('ready');
  daemon.child.stderr!.destroy();
  daemon.child.kill('SIGTERM');
  expect(await daemon.exit).toBe(0);
});
