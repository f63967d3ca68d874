import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openJournal, type OpenJournal } from '../../../../src/daemon/usage/journal/open-journal.ts';

/**
 * Appends RESERVE records to the journal in a directory until it is killed, and prints the id of each that was acknowledged, or `refused` and why. A
 * program of its own: what it is tested with ends its process.
 */
const { values: { dir = '', first = '0', writers = '8', segment = '65536', compact = '0', count = 'Infinity', reserve = '65536' } } = parseArgs({
  options: {
    dir: { type: 'string' },
    /** The number of the first id. */
    first: { type: 'string' },
    writers: { type: 'string' },
    segment: { type: 'string' },
    /** Puts a ROLLUP in the place of all that is there, after so many records. 0 is never. */
    compact: { type: 'string' },
    /** Ends by itself after so many. */
    count: { type: 'string' },
    reserve: { type: 'string' },
  },
});

const say = (line: string): void => void writeSync(1, `${line}\n`);
const noLog = { info: () => {}, warn: () => {}, error: () => {} };
// The journal's own timers do not keep a process alive.
const alive = setInterval(() => {}, 60_000);

async function rollUp(journal: OpenJournal): Promise<void> {
  const end = await journal.seal();
  if (end === undefined) return;
  const ids: unknown[] = [];
  for await (const { record, position } of journal.replay()) {
    if (position.segment > end.segment) break;
    if (record.type === 'ROLLUP') ids.push(...(Array.isArray(record.state['ids']) ? record.state['ids'] : []));
    else if ('id' in record) ids.push(record.id);
  }
  await journal.compact(end, { type: 'ROLLUP', time: Date.now(), state: { ids } });
}

let next = Number(first);
const last = next + Number(count);
let compacting = false;
let sinceCompaction = 0;

async function write(journal: OpenJournal): Promise<void> {
  while (next < last) {
    const id = `gen_${next++}`;
    try {
      await journal.append({ type: 'RESERVE', id, time: Date.now(), client: 'my-app', tier: 'pro', windows: [{ window: 'client/my-app/requests/month/2026-11', amount: '1' }], request: { padding: 'x'.repeat(Number(id.slice(4)) % 400) } });
      say(id);
    } catch (error) {
      say(`refused ${id} ${journal.problem ?? String(error)}`);
      await journal.whenWritable();
    }
    sinceCompaction++;
    if (Number(compact) === 0 || compacting || sinceCompaction < Number(compact)) continue;
    compacting = true;
    await rollUp(journal);
    [compacting, sinceCompaction] = [false, 0];
  }
}

const journal = await openJournal({ dir, log: noLog, segmentBytes: Number(segment), reserveBytes: Number(reserve) });
await journal.whenWritable();
say('open');
await Promise.all(Array.from({ length: Number(writers) }, () => write(journal)));
await journal.close();
clearInterval(alive);
