import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const bin = fileURLToPath(new URL('../../bin/tollgate.js', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What comes on standard input. Unset is /dev/null. */
  readonly stdin?: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Where it runs. Unset is where the tests run. */
  readonly cwd?: string;
}

/** No key, token or address of the machine that runs the tests. */
function variablesFor(home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: home, TERM: 'xterm', TOLLGATE_HOME: home, ...more };
}

/** Starts the real `tollgate` in a home. All of its streams are pipes. */
export function spawnTollgate(home: string, args: readonly string[], options: RunOptions = {}): ChildProcessByStdio<Writable, Readable, Readable> {
  const child = spawn(process.execPath, [bin, ...args], { env: variablesFor(home, options.variables), cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function textOf(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString('utf8');
}

/** Waits for a started command, whose input has ended or ends elsewhere. */
export async function ended(child: ChildProcessByStdio<Writable | null, Readable, Readable>): Promise<Run> {
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  await exit;
  return { code: child.exitCode, stdout, stderr };
}

/** Runs the real `tollgate` in a home to its end. */
export function runTollgate(home: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  if (options.stdin !== undefined) {
    const child = spawnTollgate(home, args, options);
    child.stdin.end(options.stdin);
    return ended(child);
  }
  return ended(spawn(process.execPath, [bin, ...args], { env: variablesFor(home, options.variables), cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** Whether util-linux's `script` is here, which gives a program a terminal. */
export const hasTerminal = spawnSync('script', ['--version']).status === 0 && process.platform === 'linux';

/** Starts the real `tollgate` on a pseudo-terminal: standard output and error come as one. */
export function spawnOnTerminal(home: string, args: readonly string[], options: RunOptions = {}): ChildProcessByStdio<Writable, Readable, Readable> {
  const quoted = [process.execPath, bin, ...args].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  const child = spawn('script', ['-qec', quoted, '/dev/null'], { env: variablesFor(home, options.variables), cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Resolves once the stream has said `text`, with all that it said. What comes after goes on to `heard`. */
export function listen(stream: Readable): { heard: () => string; until: (text: string) => Promise<string> } {
  let heard = '';
  const waiting = new Set<() => void>();
  stream.setEncoding('utf8').on('data', (piece: string) => {
    heard += piece;
    for (const look of waiting) look();
  });
  return {
    heard: () => heard,
    until: (text) => new Promise((resolve) => {
      const look = (): void => {
        if (!heard.includes(text)) return;
        waiting.delete(look);
        resolve(heard);
      };
      waiting.add(look);
      look();
    }),
  };
}
