import type { DaemonFile } from '../typescript/daemon-file.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { findRunningDaemon, isAlive } from './running-daemon.ts';
import { waitForFile } from './wait-for-file.ts';

/** Longer than the daemon gives its streams to end, and itself to write down what they cost. */
const stopTimeoutMs = 45_000;

async function end(daemon: DaemonFile, host: CliHost, console: Console): Promise<void> {
  const done = await console.spin(`waiting for tollgated (pid ${daemon.pid}) to finish its calls`);
  try {
    process.kill(daemon.pid, 'SIGTERM');
    const look = (): Promise<true | undefined> => Promise.resolve(isAlive(daemon.pid) ? undefined : true);
    const ended = await waitForFile(host.environment.home.daemonFile, look, AbortSignal.timeout(stopTimeoutMs));
    if (ended === true) return;
  } finally {
    done();
  }
  throw new CliError(
    exitCode.refused, `tollgated (pid ${daemon.pid}) still runs ${stopTimeoutMs / 1000} s after it was asked to stop.`,
    `Its log: ${host.environment.home.logFile}. To end it without waiting for its calls: kill -9 ${daemon.pid}`,
  );
}

/** Stops the daemon of this home. Resolves with who was stopped, or undefined when none ran. */
export async function stopDaemon(host: CliHost, console: Console): Promise<DaemonFile | undefined> {
  const { file, answers } = await findRunningDaemon(host);
  if (file === undefined) return undefined;
  if (!answers) {
    // A crash leaves the file, and its pid may be another program's by now.
    if (!isAlive(file.pid)) return undefined;
    throw new CliError(
      exitCode.unreachable, `Nobody answers where ${host.environment.home.daemonFile} says that tollgated listens.`,
      `Process ${file.pid} may be another program by now, so it is left alone. If it is a tollgated that hangs: kill ${file.pid}`,
    );
  }
  if (file.embedded) {
    throw new CliError(
      exitCode.refused, `The daemon runs inside another app (pid ${file.pid}), which is not ours to stop.`, 'Quit that app instead.',
    );
  }
  await end(file, host, console);
  return file;
}

/** These verbs manage the daemon of this home: with TOLLGATE_ADDRESS the caller means another one. */
export function refuseElsewhere(verb: string, { environment }: CliHost): void {
  if (environment.address === undefined) return;
  throw new CliError(
    exitCode.wrongUse, `TOLLGATE_ADDRESS says ${environment.address}, but \`tollgate ${verb}\` manages only the daemon of this home.`,
    `To ${verb} the daemon of this home, unset TOLLGATE_ADDRESS.`,
  );
}

export async function stop(host: CliHost, console: Console): Promise<number> {
  refuseElsewhere('stop', host);
  const stopped = await stopDaemon(host, console);
  await console.out.write(stopped === undefined ? 'No tollgated runs.\n' : `tollgated stopped (pid ${stopped.pid}).\n`);
  return exitCode.done;
}
