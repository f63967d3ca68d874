import type { DestinationStream } from 'pino';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';

export interface LogFileOptions {
  /** How long to wait before a file that could not be written is tried again. In milliseconds. Default 5000. */
  readonly retryMs?: number;
  /** Told once when the file can no longer be written, until it can be again. */
  readonly onProblem: (message: string) => void;
}

/** 10 MB × 3. */
const FILE_SIZE = '10M';
const OLD_FILES = 2;

const gap = (problem: string): string =>
  `${JSON.stringify({ level: 40, time: new Date().toISOString(), pid: process.pid, msg: `lines are missing here: the log could not be written (${problem})` })}\n`;

/** A log file that is rotated. While it cannot be written, as on a full disk, lines are dropped: the daemon goes on without them. */
export function openLogFile(path: string, { retryMs = 5000, onProblem }: LogFileOptions): DestinationStream {
  let stream: RotatingFileStream | undefined;
  let problem: string | undefined;
  let retryAt = 0;

  const fail = (failed: RotatingFileStream, error: Error): void => {
    if (stream !== failed) return;
    stream = undefined;
    retryAt = performance.now() + retryMs;
    if (problem === undefined) onProblem(error.message);
    problem = error.message;
  };

  const open = (): RotatingFileStream => {
    const opened = createStream(path, { size: FILE_SIZE, maxFiles: OLD_FILES, mode: 0o600 });
    opened.on('error', (error: Error) => fail(opened, error));
    if (problem !== undefined) {
      opened.write(gap(problem), (error) => {
        if (!error && stream === opened) problem = undefined;
      });
    }
    return opened;
  };

  stream = open();
  return {
    write(line) {
      if (stream === undefined && performance.now() >= retryAt) stream = open();
      stream?.write(line);
    },
  };
}
