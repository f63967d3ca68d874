import { readFileSync } from 'node:fs';
import { connect } from '../typescript/connect.ts';
import { daemonAddress, type DaemonFile, readDaemonFile } from '../typescript/daemon-file.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import type { CliHost } from './cli-host.ts';
import { waitForFile } from './wait-for-file.ts';

/** What is known of this home's daemon. */
export interface RunningDaemon {
  /** What its daemon.json says. Undefined when there is none. */
  readonly file: DaemonFile | undefined;
  /** Whether it answers at that address: only then is the pid surely its own. */
  readonly answers: boolean;
  /** Whether it takes calls. */
  readonly ready: boolean;
}

/** Looks for the daemon of this home and asks for its health, without a token. */
export async function findRunningDaemon(host: CliHost): Promise<RunningDaemon> {
  const file = await readDaemonFile(host.environment.home.daemonFile);
  const address = file && daemonAddress(file);
  if (address === undefined) return { file, answers: false, ready: false };
  try {
    using tollgate = await connect({ address, environment: host.environment });
    return { file, answers: true, ready: await tollgate.ready({ timeoutMs: 5000 }) };
  } catch (error) {
    if (error instanceof TollgateError) return { file, answers: false, ready: false };
    throw error;
  }
}

/** Waits until the daemon.json of this daemon has gone, or another daemon's stands there. False when `signal` fires first. */
export async function hasLeft(host: CliHost, daemon: DaemonFile, signal: AbortSignal): Promise<boolean> {
  const path = host.environment.home.daemonFile;
  const gone = await waitForFile(path, async () => {
    const now = await readDaemonFile(path);
    return now?.pid === daemon.pid ? undefined : true;
  }, signal);
  return gone === true;
}

/** Whether the process has ended and merely waits for its parent to notice, as happens in containers whose first process never does. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** Whether a process with this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return !isZombie(pid);
}
