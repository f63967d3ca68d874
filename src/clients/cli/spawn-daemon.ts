import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type DaemonFile, readDaemonFile } from '../typescript/daemon-file.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import { logLength, logSince } from './daemon-log.ts';
import { prepareHome } from './prepare-home.ts';
import { findRunningDaemon } from './running-daemon.ts';
import { waitForFile } from './wait-for-file.ts';

/** Longer than a stopping daemon holds its home, so that one can be started while the last one ends. */
const startTimeoutMs = 45_000;

/** How long to wait for another command's daemon before trying again. */
const otherTimeoutMs = 1000;

/** The daemon's exit code when another one holds this home. */
const heldByAnother = 75;

export interface SpawnOptions {
  readonly dev: boolean;
  /** It is not what the person asked for, so it ends by itself when nobody calls it. */
  readonly autoStarted: boolean;
  readonly signal?: AbortSignal | undefined;
}

async function spawnDetached(host: CliHost, options: SpawnOptions): Promise<ChildProcess> {
  const { logFile } = host.environment.home;
  const log = await prepareHome(host);
  try {
    const [command, ...args] = host.daemonCommand;
    if (options.autoStarted) args.push('--auto-started');
    if (options.dev) args.push('--dev');
    const child = spawn(command, [...args, '--log-file', logFile], {
      detached: true,
      // What Node itself writes when it cannot go on.
      stdio: ['ignore', log.fd, log.fd],
      env: { ...host.environment.variables },
    });
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

/** Resolves when the daemon ended because another one holds this home. Any other end is an error. */
async function lostToAnother(child: ChildProcess, host: CliHost, logFrom: number): Promise<undefined> {
  await once(child, 'exit');
  if (child.exitCode === heldByAnother) return undefined;
  const ended = child.exitCode === null ? `was ended by ${child.signalCode ?? 'a signal'}` : `ended with exit code ${child.exitCode}`;
  const log = host.environment.home.logFile;
  const lines = await logSince(log, logFrom);
  throw new CliError(
    exitCode.unreachable, `The daemon did not start: it ${ended}.`, ...lines.map((line) => `  ${line}`), `Its log: ${log}`,
  );
}

/** Starts a daemon and waits until it serves. Undefined when another one holds this home, or `signal` fires. */
async function spawnOnce(host: CliHost, options: SpawnOptions, signal: AbortSignal): Promise<DaemonFile | undefined> {
  const { daemonFile, logFile } = host.environment.home;
  const logFrom = await logLength(logFile);
  const child = await spawnDetached(host, options);
  const stop = new AbortController();
  const look = async (): Promise<DaemonFile | undefined> => {
    const daemon = await readDaemonFile(daemonFile);
    return daemon?.pid === child.pid ? daemon : undefined;
  };
  try {
    const serves = waitForFile(daemonFile, look, AbortSignal.any([signal, stop.signal]));
    return await Promise.race([serves, lostToAnother(child, host, logFrom)]);
  } finally {
    stop.abort();
    child.removeAllListeners();
  }
}

/** A daemon that another command starts at the same moment is as good as ours. */
function otherThatServes(host: CliHost, signal: AbortSignal): Promise<DaemonFile | undefined> {
  const look = async (): Promise<DaemonFile | undefined> => {
    const { file, answers } = await findRunningDaemon(host);
    return answers ? file : undefined;
  };
  return waitForFile(host.environment.home.daemonFile, look, AbortSignal.any([signal, AbortSignal.timeout(otherTimeoutMs)]));
}

/** Starts a daemon in the background and waits until it, or another of this home, serves. */
export async function spawnDaemon(host: CliHost, options: SpawnOptions): Promise<DaemonFile> {
  const timeout = AbortSignal.timeout(startTimeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  while (!signal.aborted) {
    const daemon = (await spawnOnce(host, options, signal)) ?? (await otherThatServes(host, signal));
    if (daemon !== undefined) return daemon;
  }
  options.signal?.throwIfAborted();
  throw new CliError(
    exitCode.unreachable, `No daemon serves after ${startTimeoutMs / 1000} s.`, `Its log: ${host.environment.home.logFile}`,
  );
}
