import { describe, expect, it } from 'vitest';
import { CliError } from '../../src/clients/cli/cli-error.ts';
import type { CliHost } from '../../src/clients/cli/cli-host.ts';
import { type SpawnOptions, spawnDaemon } from '../../src/clients/cli/spawn-daemon.ts';
import { readEnvironment } from '../../src/environment.ts';
import { temporaryHome } from '../daemon/test-daemon.ts';

function hostWith(script: string): CliHost {
  return {
    environment: readEnvironment({ TOLLGATE_HOME: temporaryHome(), PATH: process.env['PATH'] }),
    version: '0.0.0',
    command: 'tollgate',
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    runDaemon: () => Promise.reject(new Error('It is run as a process.')),
    checkConfig: () => Promise.resolve(undefined),
    recoverJournal: () => Promise.reject(new Error('It is not asked for.')),
    daemonCommand: [process.execPath, '-e', script, '--'],
  };
}

async function failureOf(host: CliHost, options: SpawnOptions): Promise<CliError> {
  const error: unknown = await spawnDaemon(host, options).catch((failed: unknown) => failed);
  expect(error).toBeInstanceOf(CliError);
  return error as CliError;
}

describe('spawnDaemon', () => {
  const sayArguments = 'console.error(process.argv.slice(1).join(" ")); process.exit(7)';

  it('tells the daemon whether a person asked for it', async () => {
    const host = hostWith(sayArguments);
    const { logFile } = host.environment.home;
    expect((await failureOf(host, { dev: false, autoStarted: true })).hints[0]).toBe(`  --auto-started --log-file ${logFile}`);
    expect((await failureOf(host, { dev: false, autoStarted: false })).hints[0]).toBe(`  --log-file ${logFile}`);
    expect((await failureOf(host, { dev: true, autoStarted: false })).hints[0]).toBe(`  --dev --log-file ${logFile}`);
  });

  it('shows the last words of a daemon that did not start, and none of an earlier one', async () => {
    const host = hostWith('console.error("first"); console.error(JSON.stringify({ level: 50, msg: "no room" })); process.exit(7)');
    await failureOf(host, { dev: false, autoStarted: false });
    const second = await failureOf(host, { dev: false, autoStarted: false });
    expect(second.message).toBe('The daemon did not start: it ended with exit code 7.');
    expect(second.hints).toEqual(['  first', '  no room', `Its log: ${host.environment.home.logFile}`]);
  });

  it('says when a signal ended it', async () => {
    const { message } = await failureOf(hostWith('process.kill(process.pid, "SIGKILL")'), { dev: false, autoStarted: false });
    expect(message).toBe('The daemon did not start: it was ended by SIGKILL.');
  });

  it('stops waiting when its signal fires', async () => {
    const reason = new Error('enough');
    const host = hostWith('setTimeout(() => {}, 2000)');
    await expect(spawnDaemon(host, { dev: false, autoStarted: false, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
