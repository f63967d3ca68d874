import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { isAlive } from '../../src/clients/cli/running-daemon.ts';
import { testDaemon } from '../daemon/test-daemon.ts';
import { daemonHome, daemonOf } from './daemon-home.ts';
import { ended, listen, type Run, runTollgate, spawnTollgate } from './run-tollgate.ts';

const say = ['generate', 'hello there', '-q', '-m', 'echo/say'];

/** Waits for the home's daemon.json to come or go. */
async function until(home: string, is: (there: boolean) => boolean): Promise<void> {
  await vi.waitFor(() => expect(is(daemonOf(home) !== undefined)).toBe(true), { timeout: 15_000, interval: 20 });
}

function pretend(home: string, changes: object): void {
  writeFileSync(join(home, 'run', 'daemon.json'), JSON.stringify({ ...daemonOf(home), ...changes }));
}

async function json(home: string): Promise<Record<string, unknown>> {
  const status: Record<string, unknown> = JSON.parse((await runTollgate(home, ['status', '--json'])).stdout);
  return status;
}

describe('tollgate start, stop, restart and status', () => {
  it('starts a daemon in the background, names it and stops it', async () => {
    const home = daemonHome();
    const start = await runTollgate(home, ['start']);
    const daemon = daemonOf(home);
    expect(start).toEqual({
      code: 0, stderr: '', stdout: `tollgated ${daemon?.version} started (pid ${daemon?.pid}), listening on unix:${daemon?.socket}, ${daemon?.grpc}\n`,
    });
    const status = await runTollgate(home, ['status']);
    expect([status.code, status.stdout]).toEqual([0, expect.stringMatching(/^daemon {3}ready\npid {6}\d+\n[^]*\nyou {6}admin, tier admin, scopes generate /)]);
    expect(await json(home)).toMatchObject({ running: true, ready: true, pid: daemon?.pid, grpc: daemon?.grpc, http: null, embedded: false, who_am_i: { client: 'admin' } });
    expect(await runTollgate(home, ['stop'])).toEqual({ code: 0, stdout: `tollgated stopped (pid ${daemon?.pid}).\n`, stderr: '' });
    expect(isAlive(daemon!.pid)).toBe(false);
    const after = await runTollgate(home, ['status']);
    expect([after.code, after.stdout]).toEqual([3, expect.stringContaining('not running')]);
    expect(await json(home)).toMatchObject({ running: false, who_am_i: null });
  });

  it('leaves a daemon that runs already as it is', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const { pid } = daemonOf(home)!;
    expect((await runTollgate(home, ['start'])).stdout).toContain(`already runs (pid ${pid})`);
    expect(daemonOf(home)?.pid).toBe(pid);
  });

  it('has nothing to stop when nothing runs', async () => {
    expect(await runTollgate(daemonHome(), ['stop'])).toEqual({ code: 0, stdout: 'No tollgated runs.\n', stderr: '' });
  });

  it('shows why a daemon did not start', async () => {
    const home = daemonHome({ listen: { grpc: 'nonsense' } });
    const { code, stdout, stderr } = await runTollgate(home, ['start']);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/^tollgate: The daemon did not start: it ended with exit code 78\.\n {2}tollgated: [^]*listen\.grpc/);
    expect(stderr).toContain(`Its log: ${join(home, 'state', 'tollgated.log')}`);
  });

  it('runs in the foreground until it is told to stop', async () => {
    const home = daemonHome();
    const child = spawnTollgate(home, ['start', '--foreground']);
    const run = ended(child);
    await until(home, (there) => there);
    expect(daemonOf(home)?.pid).toBe(child.pid);
    const second = await runTollgate(home, ['start', '--foreground']);
    expect([second.code, second.stderr]).toEqual([75, expect.stringContaining(String(child.pid))]);
    child.kill('SIGTERM');
    expect((await run).code).toBe(0);
  });

  it('is the same as tollgated in the foreground', async () => {
    const home = daemonHome();
    const bin = fileURLToPath(new URL('../../bin/tollgated.js', import.meta.url));
    const child = spawn(process.execPath, [bin], { env: { PATH: process.env['PATH'], TOLLGATE_HOME: home }, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    await until(home, (there) => there);
    expect(daemonOf(home)?.pid).toBe(child.pid);
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });

  it('restarts with a new process', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const { pid } = daemonOf(home)!;
    expect((await runTollgate(home, ['restart'])).code).toBe(0);
    expect(daemonOf(home)!.pid).not.toBe(pid);
    expect(await json(home)).toMatchObject({ ready: true });
  });

  it('restarts nothing with a config that cannot be used', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const { pid } = daemonOf(home)!;
    writeFileSync(join(home, 'config', 'config.json'), '{"version":1,"listen":{"grpc":"nonsense"}}');
    const { code, stdout, stderr } = await runTollgate(home, ['restart']);
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(/listen\.grpc[^]*Nothing was stopped/)]);
    expect([daemonOf(home)?.pid, isAlive(pid)]).toEqual([pid, true]);
  });

  it('shows a saved config that cannot be used, and who asks is warned', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    pretend(home, { config_problem: 'listen.grpc: no' });
    const file = join(home, 'config', 'config.json');
    expect((await runTollgate(home, ['status'])).stdout).toContain(`config   ${file} cannot be used: listen.grpc: no\n`);
    expect(await json(home)).toMatchObject({ config_file: file, config_problem: 'listen.grpc: no' });
    const { code, stdout, stderr } = await runTollgate(home, say);
    expect([code, stdout, stderr]).toEqual([0, 'hello there\n', expect.stringContaining(`${file} cannot be used: listen.grpc: no\n`)]);
  });

  it('shows books that do not balance', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    expect(await json(home)).toMatchObject({ books_problem: null });
    pretend(home, { books_problem: 'gen_1: it ends twice' });
    expect((await runTollgate(home, ['status'])).stdout).toContain('books    do not balance: gen_1: it ends twice\n');
    expect(await json(home)).toMatchObject({ books_problem: 'gen_1: it ends twice' });
  });

  it('says that it does not listen on TCP', async () => {
    const { code, stderr } = await runTollgate(daemonHome({ listen: { grpc: null, http: null } }), ['start']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('not on 127.0.0.1:4780')]);
  });

  it('does not take a daemon that asks for tokens for one in --dev', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const { code, stderr } = await runTollgate(home, ['start', '--dev']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('already runs')]);
  });

  it.each(['stop', 'restart'])('does not %s anything while TOLLGATE_ADDRESS names another daemon', async (verb) => {
    const { code, stderr } = await runTollgate(daemonHome(), [verb], { variables: { TOLLGATE_ADDRESS: 'far:4780' } });
    expect([code, stderr]).toEqual([2, expect.stringContaining('TOLLGATE_ADDRESS says far:4780')]);
  });

  it('says that an answer is not whole when its daemon is killed', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const child = spawnTollgate(home, ['generate', '-q', '-m', 'echo/slow']);
    child.stdin.end('word '.repeat(600));
    const [out, err] = [listen(child.stdout), listen(child.stderr)];
    const exit = once(child, 'exit');
    await out.until('word');
    process.kill(daemonOf(home)!.pid, 'SIGKILL');
    expect(await exit).toEqual([3, null]);
    expect(err.heard()).toContain(`in the middle of the answer, which is not whole. (DAEMON_UNREACHABLE)\nIts log: ${join(home, 'state', 'tollgated.log')}`);
  });

  it('starts what is not running when asked to restart', async () => {
    const home = daemonHome();
    expect((await runTollgate(home, ['restart'])).code).toBe(0);
    expect(await json(home)).toMatchObject({ ready: true });
  });

  it('says loudly that --dev asks nobody for a token', async () => {
    const home = daemonHome();
    const { code, stderr } = await runTollgate(home, ['start', '--dev']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('WHOEVER REACHES THE PORT MAY CALL')]);
    expect((await runTollgate(home, ['start', '--dev'])).code).toBe(0);
    expect(await json(home)).toMatchObject({ who_am_i: { client: 'dev', tier: 'admin' } });
  });

  it('never stops a process that merely has the pid of a daemon that crashed', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const crashed = daemonOf(home)!;
    process.kill(crashed.pid, 'SIGKILL');
    const innocent = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    onTestFinished(() => void innocent.kill('SIGKILL'));
    pretend(home, { pid: innocent.pid });
    const { code, stderr } = await runTollgate(home, ['stop']);
    expect([code, stderr]).toEqual([3, expect.stringContaining(`Process ${innocent.pid} may be another program`)]);
    expect((await runTollgate(home, ['restart'])).code).toBe(3);
    expect([innocent.exitCode, innocent.signalCode]).toEqual([null, null]);
    expect((await runTollgate(home, ['start'])).code).toBe(0);
    expect(daemonOf(home)!.pid).not.toBe(innocent.pid);
  });

  it('leaves a daemon inside another app to that app', async () => {
    const { environment } = await testDaemon();
    const home = environment.variables['TOLLGATE_HOME']!;
    for (const verb of ['stop', 'restart']) {
      const { code, stderr } = await runTollgate(home, [verb]);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`runs inside another app (pid ${process.pid})`)]);
    }
    expect((await runTollgate(home, ['status'])).stdout).toContain('ready, inside another app');
  });

  it('lets running calls finish before it stops', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const child = spawnTollgate(home, ['generate', '-q', '-m', 'echo/slow']);
    child.stdin.end('one two three four five six');
    const out = listen(child.stdout);
    const exit = once(child, 'exit');
    await out.until('one');
    expect((await runTollgate(home, ['stop'])).code).toBe(0);
    expect([await exit, out.heard()]).toEqual([[0, null], 'one two three four five six\n']);
  });
});

describe('a daemon that is started when it is needed', () => {
  it('is started by generate, logs to its file and stays for the next call', async () => {
    const home = daemonHome();
    expect(await runTollgate(home, say)).toEqual({ code: 0, stdout: 'hello there\n', stderr: '' });
    const { pid } = daemonOf(home)!;
    expect(readFileSync(join(home, 'state', 'tollgated.log'), 'utf8')).toContain('"tollgated serves"');
    expect((await runTollgate(home, say)).stdout).toBe('hello there\n');
    expect(daemonOf(home)!.pid).toBe(pid);
  });

  it('is one, also when several commands start it at the same moment', async () => {
    const home = daemonHome();
    const runs: Run[] = await Promise.all([say, say, say].map((args) => runTollgate(home, args)));
    expect(runs).toEqual(Array.from({ length: 3 }, () => ({ code: 0, stdout: 'hello there\n', stderr: '' })));
  });

  it('is started again when the last one was killed', async () => {
    const home = daemonHome();
    await runTollgate(home, say);
    process.kill(daemonOf(home)!.pid, 'SIGKILL');
    expect((await runTollgate(home, say)).stdout).toBe('hello there\n');
  });

  it('ends by itself when nobody calls', async () => {
    const home = daemonHome({ auto_start: { idle_exit: '1s' } });
    await runTollgate(home, say);
    await until(home, (there) => !there);
  });

  it('is not started by the commands that only look', async () => {
    const home = daemonHome();
    const models = await runTollgate(home, ['models']);
    expect([models.code, models.stderr]).toEqual([3, expect.stringContaining('tollgate start')]);
    expect(daemonOf(home)).toBeUndefined();
  });

  it('replaces an idle daemon of another version, and says so', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const { pid, version } = daemonOf(home)!;
    pretend(home, { version: '0.0.9' });
    const { code, stdout, stderr } = await runTollgate(home, say);
    expect([code, stdout]).toEqual([0, 'hello there\n']);
    expect(stderr).toBe(`tollgate: The daemon that runs is version 0.0.9, this command is ${version}: restarting it.\n`);
    expect(daemonOf(home)).toMatchObject({ version, pid: expect.not.objectContaining({ pid }) });
    expect(daemonOf(home)!.pid).not.toBe(pid);
  });

  it('goes on with a busy daemon of another version, and says so', async () => {
    const home = daemonHome();
    await runTollgate(home, ['start']);
    const { pid } = daemonOf(home)!;
    const busy = spawnTollgate(home, ['generate', '-q', '-m', 'echo/slow']);
    busy.stdin.end('word '.repeat(600));
    await listen(busy.stdout).until('word');
    pretend(home, { version: '0.0.9' });
    const { code, stdout, stderr } = await runTollgate(home, say);
    expect([code, stdout, daemonOf(home)!.pid]).toEqual([0, 'hello there\n', pid]);
    expect(stderr).toContain('it is busy. Run `tollgate restart` when it suits you.');
  });

  it('goes on with a daemon of another version inside another app', async () => {
    const { environment } = await testDaemon();
    const home = environment.variables['TOLLGATE_HOME']!;
    pretend(home, { version: '0.0.9' });
    const { stdout, stderr } = await runTollgate(home, say);
    expect([stdout, stderr]).toEqual(['hello there\n', expect.stringContaining(`it runs inside another app (pid ${process.pid})`)]);
  });

  it('is started even when nothing of its home is there yet', async () => {
    const home = daemonHome();
    rmSync(join(home, 'config'), { recursive: true });
    expect((await runTollgate(home, say)).stdout).toBe('hello there\n');
  });
});
