import { fstatSync } from 'node:fs';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';

const firstByteMs = 3000;

/** Whether somebody may be sending something: a terminal and /dev/null do not. */
function mayHaveText(stdin: CliHost['stdin']): boolean {
  if (stdin.isTTY) return false;
  try {
    const kind = fstatSync(stdin.fd);
    return kind.isFIFO() || kind.isSocket() || kind.isFile();
  } catch {
    return false;
  }
}

/** All of standard input, or nothing when `signal` fires. Calls `late` once when nothing came for 3 s. */
async function readAll(stdin: NodeJS.ReadStream, late: () => void, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(late, firstByteMs);
  const interrupt = (): void => resolve('');
  stdin.on('data', (chunk: Buffer) => {
    clearTimeout(timer);
    chunks.push(chunk);
  });
  stdin.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  stdin.on('error', reject);
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', interrupt);
    // An open pipe would keep the process alive.
    stdin.destroy();
  }
}

/**
 * The prompt: the words given, then what standard input holds. It is never sent without its input, however late that comes: the
 * answer would be wrong and paid. So that a pipe which nobody closes does not look like a hang, a wait of 3 s is told.
 */
export async function readPrompt(words: readonly string[], host: CliHost, console: Console, signal: AbortSignal): Promise<string> {
  const waits = words.length === 1 && words[0] === '-';
  const given = waits ? '' : words.join(' ').trim();
  const readsInput = given === '' ? waits || !host.stdin.isTTY : mayHaveText(host.stdin);
  const late = (): void => {
    if (!host.stdin.isTTY) console.say('tollgate: waiting for standard input. If there is none, add </dev/null.');
  };
  const piped = readsInput ? await readAll(host.stdin, late, signal) : '';
  const text = [given, piped].filter((piece) => piece.trim() !== '').join('\n\n');
  if (text === '' && !signal.aborted) {
    throw new CliError(exitCode.wrongUse, 'There is no prompt.', 'Try: tollgate generate "Why is the sky blue?"   or   tollgate generate < file');
  }
  return text;
}
