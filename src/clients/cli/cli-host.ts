import type { Environment } from '../../environment.ts';

export interface DaemonOptions {
  /** No tokens asked, loopback only. */
  readonly dev: boolean;
  /** A command started it: it ends by itself after a while without a call. */
  readonly autoStarted: boolean;
  /** Where to log. Undefined is standard error. */
  readonly logFile: string | undefined;
}

/** A place in the journal where something is gone. Times are in milliseconds since 1970. */
export interface LostRecords {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  readonly what: string;
  /** Of the records before and behind it; undefined when there is none. */
  readonly after: number | undefined;
  readonly before: number | undefined;
}

/** What became of a journal that was looked through; or why it was not. */
export type JournalRecovery =
  | { readonly problem: string }
  | {
      readonly problem?: undefined;
      /** Whether anything had to be done. */
      readonly changed: boolean;
      readonly kept: number;
      readonly lost: readonly LostRecords[];
      /** Files that were put aside, under the names that they have now. */
      readonly aside: readonly string[];
    };

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
  /** Makes a damaged journal of this home one that can be used. Refuses while a daemon holds the home. */
  recoverJournal(): Promise<JournalRecovery>;
  /** The command line that runs a daemon in the foreground. */
  readonly daemonCommand: readonly [string, ...string[]];
}
