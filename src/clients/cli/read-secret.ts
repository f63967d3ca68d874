import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { promptHidden } from './prompt.ts';

const maxBytes = 64 * 1024;
const lateMs = 3000;

/** What standard input holds, without the blanks around it. */
async function readInput(what: string, host: CliHost, console: Console): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => console.say(`tollgate: waiting for ${what} on standard input.`), lateMs);
  try {
    for await (const chunk of host.stdin) {
      clearTimeout(timer);
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > maxBytes) throw new CliError(exitCode.wrongUse, `Standard input holds more than ${maxBytes} bytes, which is not ${what}.`);
      chunks.push(bytes);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).toString('utf8').trim();
}

/** Asks for a secret at a terminal, without showing it; reads standard input otherwise. Empty when there is none. */
export function readSecret(question: string, what: string, host: CliHost, console: Console): Promise<string> {
  return host.stdin.isTTY ? promptHidden(question, host) : readInput(what, host, console);
}
