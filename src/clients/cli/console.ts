import { styleText } from 'node:util';
import type { CliHost } from './cli-host.ts';
import { openOutput, type Output } from './output.ts';
import { printable } from './printable.ts';

type Style = Parameters<typeof styleText>[0];

/** How a command speaks: answers to standard output, everything else to standard error. */
export interface Console {
  readonly out: Output;
  readonly err: Output;
  /** A line for people on standard error. Commands in it, like `tollgate start`, are shown the way this one was called. */
  say(line: string, style?: Style): void;
  /** Text for standard error: made safe, and coloured where that is a terminal and NO_COLOR is not set. */
  styled(text: string, style?: Style): string;
  /** Text from elsewhere for standard output: made safe on a terminal, unchanged in a pipe. */
  safe(text: string): string;
  /** Turns a wheel on standard error until the returned function is called. Only on a terminal. */
  spin(text: string): Promise<() => void>;
}

export function openConsole(host: CliHost): Console {
  const out = openOutput(host.stdout);
  const err = openOutput(host.stderr);

  function styled(text: string, style?: Style): string {
    if (!err.isTerminal) return text;
    return style === undefined ? printable(text) : styleText(style, printable(text), { stream: host.stderr });
  }

  return {
    out,
    err,
    styled,
    say: (line, style) => void err.write(`${styled(line.replaceAll(/(?<=[`(])tollgate (?=[a-z])/g, `${host.command} `), style)}\n`),
    safe: (text) => (out.isTerminal ? printable(text) : text),
    async spin(text) {
      if (!err.isTerminal) return () => undefined;
      const { default: yoctoSpinner } = await import('yocto-spinner');
      const spinner = yoctoSpinner({ text, stream: host.stderr, handleSignals: false }).start();
      return () => void spinner.stop();
    },
  };
}
