import type { Environment } from '../../environment.ts';

export interface DaemonOptions {
  /** No tokens asked, loopback only. */
  readonly dev: boolean;
  /** A command started it: it ends by itself after a while without a call. */
  readonly autoStarted: boolean;
  /** Where to log. Undefined is standard error. */
  readonly logFile: string | undefined;
}

/** What the command line needs of the process around it. */
export interface CliHost {
  readonly environment: Environment;
  /** This package's version. */
  readonly version: string;
  /** How this command was called, for hints that can be pasted: "tollgate" or "npx tollgate". */
  readonly command: string;
  readonly stdin: NodeJS.ReadStream & { readonly fd: number };
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Runs the daemon in this process until it ends. Resolves with its exit code. */
  runDaemon(options: DaemonOptions): Promise<number>;
  /** Looks at what a daemon would start with. Resolves with what is wrong with it, or undefined. */
  checkConfig(): Promise<string | undefined>;
  /** The command line that runs a daemon in the foreground. */
  readonly daemonCommand: readonly [string, ...string[]];
}
