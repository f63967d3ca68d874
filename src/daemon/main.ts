import { setLogger } from '@grpc/grpc-js';
import { readEnvironment } from '../environment.ts';
import { boundYoungSpace } from './bound-young-space.ts';
import { ConfigError } from './config/config-error.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { openLogFile } from './log-file.ts';
import { isLogLevel, makeLogger, type Logger } from './logger.ts';
import { EXIT, StartError } from './start-error.ts';

export interface RunOptions {
  /** Everybody who can connect may do everything. */
  readonly dev: boolean;
  /** Whether a client started it by itself: then it ends after a while without a call. */
  readonly autoStarted: boolean;
  /** Where to log; undefined is standard error. */
  readonly logFile: string | undefined;
}

function openLog(level: string, file: string | undefined): Logger {
  if (file === undefined) return makeLogger(level, process.stderr);
  return makeLogger(level, openLogFile(file, { onProblem: (message) => console.error(`tollgated: the log ${file} cannot be written, and its lines are dropped until it can be: ${message}`) }));
}

/** gRPC prints tokens and payloads when it is asked to trace: nobody can ask it here. */
function silenceGrpc(): void {
  for (const name of ['GRPC_TRACE', 'GRPC_VERBOSITY', 'GRPC_NODE_TRACE', 'GRPC_NODE_VERBOSITY', 'NODE_DEBUG']) delete process.env[name];
  setLogger({ error: () => {}, info: () => {}, debug: () => {} });
}

/** How long a start that was told to stop may still take. */
const START_GRACE_MS = 2000;

/** Ends by the signal itself, which a shell sees as 128 + its number. `process.exit` waits for a thread that hangs in a file for ever. */
function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** Takes the signals from the first moment on; a start that comes to nothing is ended by them. */
function listenToSignals(): { obey(daemon: Daemon): void } {
  let daemon: Daemon | undefined;
  let stops = 0;
  let giveUp: NodeJS.Timeout | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    stops++;
    if (daemon !== undefined) void daemon.close(stops > 1);
    else if (stops > 1) endBy(signal);
    else giveUp = setTimeout(() => endBy(signal), START_GRACE_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => {});
  process.on('SIGUSR2', () => {
    if (daemon?.running === 0) void daemon.close();
  });
  return {
    obey(started) {
      daemon = started;
      clearTimeout(giveUp);
      if (stops > 0) void daemon.close(stops > 1);
    },
  };
}

/** Runs the daemon until it is told to stop. The only place that touches the process: umask, signals, environment. Returns the exit code. */
export async function runDaemon(options: RunOptions): Promise<number> {
  process.umask(0o077);
  // A diagnostic report, which others may get to read, would hold the keys of the environment.
  process.report.excludeEnv = true;
  // Without a listener this signal opens the debugger's port to everybody on the machine.
  process.on('SIGUSR1', () => {});
  // Nobody may read it any more, or its disk is full: no reason to end.
  process.stderr.on('error', () => {});
  silenceGrpc();
  boundYoungSpace();
  const environment = readEnvironment({ ...process.env });
  const level = environment.logLevel ?? 'info';
  if (!isLogLevel(level)) {
    console.error(`tollgated: TOLLGATE_LOG_LEVEL is "${level}"; write fatal, error, warn, info, debug, trace or silent`);
    return EXIT.DAMAGED;
  }
  try {
    const log = openLog(level, options.logFile);
    if (options.dev) console.error('tollgated: --dev is on. EVERY PROGRAM ON THIS MACHINE MAY USE YOUR KEYS: no token is asked for.');
    const signals = listenToSignals();
    const daemon = await startDaemon({ environment, log, dev: options.dev, embedded: false, exitWhenIdle: options.autoStarted });
    signals.obey(daemon);
    await daemon.closed;
    return 0;
  } catch (error) {
    if (!(error instanceof StartError || error instanceof ConfigError)) throw error;
    console.error(`tollgated: ${error.message}`);
    return error instanceof StartError ? error.exitCode : EXIT.DAMAGED;
  }
}
