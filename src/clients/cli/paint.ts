import { styleText } from 'node:util';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** Colours for standard output, on text that is made safe first; none where that is no terminal or NO_COLOR is set. */
export function paintFor(host: CliHost, console: Console): Paint {
  if (!console.out.isTerminal) return (_style, text) => text;
  return (style, text) => styleText(style, console.safe(text), { stream: host.stdout });
}

/** The columns of the terminal; undefined where standard output is none. */
export function widthOf(host: CliHost, console: Console): number | undefined {
  return console.out.isTerminal ? (host.stdout.columns || 80) : undefined;
}
