import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** A process of the bench's own that runs beside it. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** What it has written to standard error so far. */
  errors(): string;
}

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Where its standard error goes: a file, as a service's would. */
  readonly log: string;
}

const hasEnded = (process: ChildProcess): boolean => process.exitCode !== null || process.signalCode !== null;

/** Starts a process; disposing ends it with SIGTERM, and SIGKILL when that does nothing for 5 s. */
export function startChild([program = '', ...args]: readonly string[], { env = process.env, log }: ChildOptions): Child {
  const file = openSync(log, 'a');
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', file], env });
  closeSync(file);
  child.on('error', () => {});
  if (child.pid === undefined) throw new Error(`${program} cannot be run`);
  return {
    pid: child.pid,
    errors: () => readFileSync(log, 'utf8').split('\n').slice(-20).join('\n'),
    async [Symbol.asyncDispose]() {
      if (hasEnded(child)) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Runs a process to its end and gives its standard output. Throws with its standard error when it fails. */
export async function runChild([program = '', ...args]: readonly string[], timeoutMs: number, where: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Promise<string> {
  const child = spawn(program, args, { ...where, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
  let [out, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}: ${errors}`);
  return out;
}
