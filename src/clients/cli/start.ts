import type { DaemonFile } from '../typescript/daemon-file.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import { type Console } from './console.ts';
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
}

export async function start(options: StartOptions, host: CliHost, console: Console): Promise<number> {
  const dev = options.dev === true;
  if (options.foreground === true) {
    return host.runDaemon({ dev, autoStarted: options.autoStarted === true, logFile: options.logFile });
  }
  const { file, answers } = await findRunningDaemon(host);
  if (file !== undefined && answers) {
    await console.out.write(`tollgated ${file.version} already runs (pid ${file.pid}), listening on ${listening(file)}\n`);
    return exitCode.done;
  }
  await startInBackground(host, console, dev);
  return exitCode.done;
}
