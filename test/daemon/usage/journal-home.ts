import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { JournalPosition, JournalRecord } from '../../../src/daemon/usage/journal-record.ts';
import { openJournal, type JournalOptions, type OpenJournal } from '../../../src/daemon/usage/journal/open-journal.ts';
import type { JournalLog } from '../../../src/daemon/usage/journal/prepare.ts';

/** A directory for a journal, in memory where there is one: for what is about bytes, not about disks. */
export function journalDir(): string {
  const home = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tg-journal-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return join(home, 'journal');
}

export interface HeardLog extends JournalLog {
  readonly warnings: string[];
  readonly errors: string[];
}

export function heardLog(): HeardLog {
  const [warnings, errors]: [string[], string[]] = [[], []];
  const hear = (into: string[]) => (fields: unknown, message?: string): void => void into.push(typeof fields === 'string' ? fields : `${message ?? ''} ${JSON.stringify(fields)}`);
  return { warnings, errors, info: () => {}, warn: hear(warnings), error: hear(errors) };
}

export type Opened = OpenJournal & { readonly log: HeardLog };

/** Opens a journal with a reserve that costs nothing; it is closed with the test. */
export async function openAt(dir: string, options: Partial<JournalOptions> = {}): Promise<Opened> {
  const log = heardLog();
  const journal = await openJournal({ dir, log, reserveBytes: 4096, ...options });
  onTestFinished(() => journal.close());
  return Object.assign(journal, { log });
}

export const reserveRecord = (index: number, client = 'my-app'): JournalRecord => ({
  type: 'RESERVE', id: `gen_${index}`, time: 1_764_000_000_000 + index, client, tier: 'pro',
  windows: [{ window: `client/${client}/requests/month/2026-11`, amount: '1' }], request: { model: 'openai/gpt', labels: { note: 'a "quote", a \\ and ein Ü\n'.repeat(index % 3) } },
});

export const rollupRecord = (state: Record<string, unknown>): JournalRecord => ({ type: 'ROLLUP', time: 1_764_000_000_000, state });

export async function append(journal: OpenJournal, records: readonly JournalRecord[]): Promise<JournalPosition[]> {
  const positions: JournalPosition[] = [];
  for (const record of records) positions.push(await journal.append(record));
  return positions;
}

export async function replayed(journal: OpenJournal, after?: JournalPosition): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const { record } of journal.replay(after)) records.push(record);
  return records;
}

export const range = (from: number, to: number): JournalRecord[] => Array.from({ length: to - from }, (_, index) => reserveRecord(from + index));

/** The ids of what is there, in order. */
export const ids = (records: readonly JournalRecord[]): string[] => records.map((record) => ('id' in record ? record.id : record.type));

/** The files of a journal, and the way to put them back as they were. */
export function filesOf(dir: string): { readonly files: ReadonlyMap<string, Buffer>; readonly restore: () => void } {
  const names = readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
  const files = new Map(names.sort().map((name) => [name, readFileSync(join(dir, name))]));
  return {
    files,
    restore() {
      for (const name of readdirSync(dir)) if (name !== 'reserve') rmSync(join(dir, name));
      for (const [name, bytes] of files) writeFileSync(join(dir, name), bytes, { mode: 0o600 });
    },
  };
}
