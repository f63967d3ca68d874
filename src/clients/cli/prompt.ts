import { createInterface } from 'node:readline';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import { mutableOutput } from './mutable-output.ts';
import { printable } from './printable.ts';

async function promptLine(question: string, host: CliHost, isHidden: boolean): Promise<string> {
  const typing = mutableOutput(host.stderr);
  // No history: what is typed stays nowhere.
  const lines = createInterface({ input: host.stdin, output: typing.stream, terminal: true, historySize: 0 });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  lines.once('line', resolve);
  lines.once('close', () => resolve(''));
  lines.once('SIGINT', () => {
    if (!isHidden) host.stderr.write('\n');
    reject(new CliError(exitCode.interrupted, 'Interrupted.'));
  });
  lines.setPrompt(printable(question));
  lines.prompt();
  typing.isMuted = isHidden;
  try {
    return (await promise).trim();
  } finally {
    typing.isMuted = false;
    lines.close();
    if (isHidden) host.stderr.write('\n');
    typing.stream.destroy();
    host.stdin.pause();
  }
}

/** Asks at a terminal for a line. Empty when nothing was typed. Throws on Ctrl-C. */
export function promptText(question: string, host: CliHost): Promise<string> {
  return promptLine(question, host, false);
}

/** Asks at a terminal for what nobody may see: what is typed is not shown. Empty when nothing was typed. Throws on Ctrl-C. */
export function promptHidden(question: string, host: CliHost): Promise<string> {
  return promptLine(question, host, true);
}

/** Asks at a terminal for a yes; anything else is a no. Throws on Ctrl-C. */
export async function promptYes(question: string, host: CliHost): Promise<boolean> {
  return /^y(?:es)?$/i.test(await promptLine(`${question} [y/N] `, host, false));
}
