import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openJournal, type OpenJournal } from '../src/daemon/usage/journal/open-journal.ts';
import type { JournalRecord } from '../src/daemon/usage/journal-record.ts';
import { percentile } from './median.ts';

/**
 * `node bench/journal.ts [records]`: what a durable record costs at 1, 8, 64 and 256 writers, and how long a journal of so many records (default 100,000)
 * takes to open and to replay, on the disk of the temporary folder. Prints a Markdown table.
 */
const RECORDS = Number(process.argv[2] ?? 100_000);
const SECONDS = 3;

const log = { info: () => {}, warn: console.error, error: console.error };

const record = (index: number): JournalRecord => ({
  type: 'RESERVE', id: `01JD${String(index).padStart(22, '0')}`, time: Date.now(), client: 'my-app', tier: 'premium',
  windows: [{ window: 'client/my-app/requests/month/2026-11', amount: '1' }, { window: 'client/my-app/pico_usd/day/2026-11-23', amount: '123456789' }],
  request: { model: 'openai/gpt-5-mini', labels: { job: 'nightly' } },
});

/** Writes for some seconds, or so many records. */
async function load(journal: OpenJournal, writers: number, { seconds = Infinity, count = Infinity }): Promise<string> {
  const waits: number[] = [];
  let written = 0;
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const write = async (): Promise<void> => {
    while (written < count && performance.now() - begin < seconds * 1000) {
      const asked = performance.now();
      await journal.append(record(written++));
      waits.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  loop.disable();
  const took = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  const ms = (value: number): string => value.toFixed(2);
  return `| ${writers} | ${Math.round((1000 * written) / took)} | ${ms(percentile(waits, 0.5))} | ${ms(percentile(waits, 0.99))} | ${Math.round((user + system) / written)} | ${ms(loop.percentile(99) / 1e6)} |`;
}

async function timed<T>(title: string, step: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  const result = await step();
  console.log(`${title}: ${(performance.now() - begin).toFixed(0)} ms`);
  return result;
}

const workspace = await mkdtemp(join(tmpdir(), 'tollgate-journal-'));
try {
  console.log('| writers | records/s | p50 ms | p99 ms | CPU us/record | loop p99 ms |\n|---|---|---|---|---|---|');
  for (const writers of [1, 8, 64, 256]) {
    const journal = await openJournal({ dir: join(workspace, `of-${writers}`), log });
    await journal.whenWritable();
    await load(journal, writers, { count: 2000 });
    console.log(await load(journal, writers, { seconds: SECONDS }));
    await journal.close();
  }
  const dir = join(workspace, 'long');
  const written = await openJournal({ dir, log });
  await load(written, 256, { count: RECORDS });
  await written.close();
  const journal = await timed(`\nopen ${RECORDS} records`, () => openJournal({ dir, log }));
  let count = 0;
  await timed(`replay ${RECORDS} records`, async () => {
    const records = journal.replay()[Symbol.asyncIterator]();
    while ((await records.next()).done !== true) count++;
  });
  const end = await journal.seal();
  if (count < RECORDS || end === undefined) throw new Error(`${count} of ${RECORDS} records were read`);
  await timed('compact them', () => journal.compact(end, { type: 'ROLLUP', time: Date.now(), state: {} }));
  await journal.close();
} finally {
  await rm(workspace, { recursive: true, force: true });
}
