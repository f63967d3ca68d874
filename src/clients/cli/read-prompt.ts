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

/** All of standard input, or undefined when `patience` ends before its first byte. */
async function readAll(stdin: NodeJS.ReadStream, patience: number | undefined, signal: AbortSignal): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const timer = patience === undefined ? undefined : setTimeout(() => resolve(undefined), patience);
  const interrupt = (): void => resolve(undefined);
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
 * The prompt: the words given, then what standard input holds. A program that starts us with a pipe and never closes it shall not
 * hang: after words, the pipe gets 3 s for its first byte. The single word "-" waits for it.
 */
export async function readPrompt(words: readonly string[], host: CliHost, console: Console, signal: AbortSignal): Promise<string> {
  const waits = words.length === 1 && words[0] === '-';
  const given = waits ? '' : words.join(' ').trim();
  let piped: string | undefined = '';
  if (given === '' && (waits || !host.stdin.isTTY)) {
    piped = await readAll(host.stdin, undefined, signal);
  } else if (given !== '' && mayHaveText(host.stdin)) {
    piped = await readAll(host.stdin, firstByteMs, signal);
    if (piped === undefined && !signal.aborted) {
      console.say('tollgate: nothing came on standard input within 3 s, so the prompt is the words alone. `tollgate generate -` waits.');
    }
  }
  const text = [given, piped ?? ''].filter((piece) => piece.trim() !== '').join('\n\n');
  if (text === '' && !signal.aborted) {
    throw new CliError(exitCode.wrongUse, 'There is no prompt.', 'Try: tollgate generate "Why is the sky blue?"   or   tollgate generate < file');
  }
  return text;
}
