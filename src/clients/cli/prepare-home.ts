import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import { fileProblem } from './file-problem.ts';

function wasNamed({ environment }: CliHost): boolean {
  return Boolean(environment.variables['TOLLGATE_HOME']);
}

/** Nothing can be kept in the kernel's own folders, and Node's recursive mkdir never returns there. */
export function refuseSystemHome(host: CliHost): void {
  const { stateDir, runDir } = host.environment.home;
  const bad = [stateDir, runDir].find((path) => /^\/(?:proc|sys|dev)(?:\/|$)/.test(path) && !path.startsWith('/dev/shm/'));
  if (bad === undefined) return;
  const which = wasNamed(host) ? 'TOLLGATE_HOME' : 'HOME, XDG_STATE_HOME or XDG_RUNTIME_DIR';
  throw new CliError(exitCode.wrongUse, `${bad}: no files can be kept there.`, `Set ${which} to a folder of your own.`);
}

/** Makes the folders of this home and opens the daemon's log, for a daemon that is about to start. */
export async function prepareHome(host: CliHost): Promise<FileHandle> {
  refuseSystemHome(host);
  const { stateDir, runDir, logFile } = host.environment.home;
  let path = stateDir;
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    // waitForFile watches this folder before the daemon has made it.
    await mkdir((path = runDir), { recursive: true, mode: 0o700 });
    return await open((path = logFile), 'a', 0o600);
  } catch (error) {
    const problem = fileProblem(error, path);
    if (problem === undefined) throw error;
    const named = wasNamed(host);
    throw new CliError(
      named ? exitCode.wrongUse : exitCode.unreachable, `The daemon cannot be started. ${problem}`,
      named ? 'TOLLGATE_HOME says where Tollgate keeps its files.' : 'Set TOLLGATE_HOME to a folder of your own to keep its files elsewhere.',
    );
  }
}
