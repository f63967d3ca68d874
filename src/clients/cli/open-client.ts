import { connect } from '../typescript/connect.ts';
import { type DaemonFile, readDaemonFile } from '../typescript/daemon-file.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { configProblem } from './config-problem.ts';
import { hasLeft } from './running-daemon.ts';
import { spawnDaemon } from './spawn-daemon.ts';

const leaveTimeoutMs = 2000;

/** Asks a daemon to leave if no call runs, and waits a little for it. */
async function leftWhenIdle(host: CliHost, daemon: DaemonFile): Promise<boolean> {
  try {
    process.kill(daemon.pid, 'SIGUSR2');
  } catch {
    return false;
  }
  return hasLeft(host, daemon, AbortSignal.timeout(leaveTimeoutMs));
}

async function startAndConnect(host: CliHost, console: Console, signal: AbortSignal | undefined): Promise<Tollgate> {
  const done = await console.spin('starting the daemon');
  try {
    await spawnDaemon(host, { dev: false, autoStarted: true, signal });
  } finally {
    done();
  }
  return connect({ environment: host.environment });
}

/** A daemon of another version is named, and replaced by ours when no call of it runs. */
async function replaceOtherVersion(
  host: CliHost, console: Console, tollgate: Tollgate, daemon: DaemonFile, signal: AbortSignal | undefined,
): Promise<Tollgate> {
  const versions = `The daemon that runs is version ${daemon.version}, this command is ${host.version}`;
  if (daemon.embedded) {
    console.say(`tollgate: ${versions}; it runs inside another app (pid ${daemon.pid}).`);
    return tollgate;
  }
  if (!(await leftWhenIdle(host, daemon))) {
    console.say(`tollgate: ${versions}, and it is busy. Run \`tollgate restart\` when it suits you.`);
    return tollgate;
  }
  console.say(`tollgate: ${versions}: restarting it.`);
  tollgate.close();
  return startAndConnect(host, console, signal);
}

/** Connects to the daemon; starts it when none answers and nothing says that it is elsewhere. */
export async function openOrStart(host: CliHost, console: Console, signal?: AbortSignal): Promise<Tollgate> {
  const { environment } = host;
  if (environment.address !== undefined) return connect({ environment });
  const daemon = await readDaemonFile(environment.home.daemonFile);
  if (daemon === undefined) return startAndConnect(host, console, signal);
  let tollgate: Tollgate;
  try {
    tollgate = await connect({ environment });
  } catch (error) {
    if (error instanceof TollgateError && error.reason === 'DAEMON_UNREACHABLE') return startAndConnect(host, console, signal);
    throw error;
  }
  if (daemon.configProblem !== undefined) {
    console.say(`tollgate: ${configProblem(daemon.configProblem, environment.home.configFile)}\nUntil it is mended, the daemon goes on with the config before it.`, 'yellow');
  }
  return daemon.version === host.version ? tollgate : replaceOtherVersion(host, console, tollgate, daemon, signal);
}
