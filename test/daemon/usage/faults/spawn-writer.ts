import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { openAt } from '../journal-home.ts';

export const WRITER = fileURLToPath(new URL('journal-writer.ts', import.meta.url));

export interface WriterRun {
  /** The ids that were acknowledged, in that order. */
  readonly acknowledged: readonly string[];
  readonly refused: readonly string[];
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly stderr: string;
}

export interface WriterOptions {
  readonly args: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** Put before the command: a tool that runs it. */
  readonly wrapper?: readonly string[];
  /** Called for every line that the writer prints. */
  readonly onLine?: (line: string, child: ChildProcessByStdio<null, Readable, Readable>) => void;
}

/** Runs the writer to its end. */
export async function runWriter({ args, variables = {}, wrapper = [], onLine }: WriterOptions): Promise<WriterRun> {
  const [program = '', ...rest] = [...wrapper, process.execPath, WRITER, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...variables } });
  const [acknowledged, refused]: [string[], string[]] = [[], []];
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('gen_')) acknowledged.push(line);
    if (line.startsWith('refused')) refused.push(line);
    onLine?.(line, child);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { acknowledged, refused, signal, code, stderr };
}

/** Every id that a journal holds, those of its ROLLUP first. Fails when one is there twice. */
export async function idsIn(dir: string): Promise<Set<string>> {
  const journal = await openAt(dir);
  const found: string[] = [];
  for await (const { record } of journal.replay()) {
    if (record.type === 'ROLLUP') found.push(...(record.state['ids'] as string[]));
    else if ('id' in record) found.push(record.id);
  }
  await journal.close();
  const held = new Set(found);
  expect(held.size).toBe(found.length);
  return held;
}
