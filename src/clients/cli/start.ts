import { daemonAddress, type DaemonFile } from '../typescript/daemon-file.ts';
import { connect } from '../typescript/connect.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import { type Console } from './console.ts';
import { refuseSystemHome } from './prepare-home.ts';
import { findRunningDaemon } from './running-daemon.ts';
import { spawnDaemon } from './spawn-daemon.ts';

export interface StartOptions {
  readonly foreground?: boolean;
  readonly dev?: boolean;
  readonly autoStarted?: boolean;
  readonly logFile?: string;
}

/** Where a daemon listens, for people. */
export function listening(daemon: DaemonFile): string {
  const places = [daemon.socket === null ? null : `unix:${daemon.socket}`, daemon.grpc, daemon.http && `http://${daemon.http}`];
  return places.filter((place) => place !== null).join(', ');
}

/** The default port gives way to a program that holds it; where the config names none, that is why there is no TCP. */
function sayWithoutTcp(daemon: DaemonFile, console: Console): void {
  if (daemon.grpc !== null || daemon.socket === null) return;
  console.say('tollgate: not on 127.0.0.1:4780, which another program holds, unless the config switches listen.grpc off.', 'yellow');
}

/** Whether the daemon of this home asks nobody for a token. */
async function runsInDev({ environment }: CliHost, file: DaemonFile): Promise<boolean> {
  const address = daemonAddress(file);
  try {
    using tollgate = await connect({ environment, address });
    return (await tollgate.whoAmI({ timeoutMs: 5000 })).client === 'dev';
  } catch (error) {
    if (error instanceof TollgateError) return false;
    throw error;
  }
}

function warnOfDev(console: Console): void {
  console.say('tollgate: --dev: WHOEVER REACHES THE PORT MAY CALL. No token is asked; every call is {client: dev, tier: admin}.', ['bold', 'red']);
}

export async function startInBackground(host: CliHost, console: Console, dev: boolean): Promise<void> {
  if (dev) warnOfDev(console);
  const done = await console.spin('starting the daemon');
  let daemon: DaemonFile;
  try {
    daemon = await spawnDaemon(host, { dev, autoStarted: false });
  } finally {
    done();
  }
  await console.out.write(`tollgated ${daemon.version} started (pid ${daemon.pid}), listening on ${listening(daemon)}\n`);
  sayWithoutTcp(daemon, console);
}

export async function start(options: StartOptions, host: CliHost, console: Console): Promise<number> {
  const dev = options.dev === true;
  refuseSystemHome(host);
  if (options.foreground === true) {
    return host.runDaemon({ dev, autoStarted: options.autoStarted === true, logFile: options.logFile });
  }
  const { file, answers } = await findRunningDaemon(host);
  if (file !== undefined && answers) {
    if (dev && !(await runsInDev(host, file))) {
      throw new CliError(
        exitCode.refused, `tollgated ${file.version} already runs (pid ${file.pid}), without --dev.`, 'To run it with --dev: `tollgate restart --dev`.',
      );
    }
    await console.out.write(`tollgated ${file.version} already runs (pid ${file.pid}), listening on ${listening(file)}\n`);
    return exitCode.done;
  }
  await startInBackground(host, console, dev);
  return exitCode.done;
}
