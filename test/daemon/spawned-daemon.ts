import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { readEnvironment, type Environment, type Variables } from '../../src/environment.ts';
import { temporaryHome } from './test-daemon.ts';

const TOLLGATED = fileURLToPath(new URL('../../bin/tollgated.js', import.meta.url));

export interface SpawnedDaemon {
  readonly environment: Environment;
  readonly child: ChildProcess;
  /** What it wrote to standard error: its log. */
  readonly log: () => string;
  /** Resolves when it serves, or with its exit code when it does not come so far. */
  readonly ready: Promise<'ready' | number>;
  readonly exit: Promise<number | NodeJS.Signals>;
}

/** Whether the daemon of this process says that it serves; what a killed one left behind does not count. */
function serves(path: string, pid: number | undefined): boolean {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid === pid;
  } catch {
    return false;
  }
}

async function whenServing(path: string, pid: number | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const watcher = watch(dirname(path), () => serves(path, pid) && resolve());
  if (serves(path, pid)) resolve();
  await promise;
  watcher.close();
}

/** Runs `tollgated` in a process of its own; it is killed with the test. */
export function spawnDaemon({ home = temporaryHome(), config = {}, variables = {}, args = [] }: { home?: string; config?: object | string; variables?: Variables; args?: readonly string[] } = {}): SpawnedDaemon {
  const environment = readEnvironment({ TOLLGATE_HOME: home });
  const { configFile, daemonFile } = environment.home;
  mkdirSync(join(home, 'config'), { recursive: true });
  if (typeof config === 'string') writeFileSync(configFile, config);
  else writeFileSync(configFile, JSON.stringify({ listen: { grpc: '127.0.0.1:0', http: null }, ...config }));
  const child = spawn(process.execPath, [TOLLGATED, ...args], { env: { PATH: process.env['PATH'], HOME: home, TOLLGATE_HOME: home, ...variables }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')));
  const exit = once(child, 'close').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  const ready = Promise.race([whenServing(daemonFile, child.pid).then(() => 'ready' as const), exit.then(Number)]);
  return { environment, child, log: () => log, ready, exit };
}

export const daemonFile = ({ environment }: SpawnedDaemon): { pid: number; version: string; grpc: string | null; socket: string | null; http: string | null } =>
  JSON.parse(readFileSync(environment.home.daemonFile, 'utf8')) as ReturnType<typeof daemonFile>;
