import { readFileSync } from 'node:fs';
import { openJournal } from '../../../../src/daemon/usage/journal/open-journal.ts';

/** Ends with 0 when the journal in a directory opens and holds, once, each id of a file of acknowledged ones. A program of its own, for the power cut. */
const [dir = '', acknowledged = ''] = process.argv.slice(2);

const warnings: string[] = [];
const log = { info: () => {}, warn: (_fields: unknown, text?: string) => void warnings.push(String(text)), error: () => {} };
const journal = await openJournal({ dir, log, reserveBytes: 4096 });
const found: string[] = [];
for await (const { record } of journal.replay()) {
  if (record.type === 'ROLLUP') found.push(...(record.state['ids'] as string[]));
  else if ('id' in record) found.push(record.id);
}
await journal.close();
const held = new Set(found);
// The last line may be half of one.
const ids = readFileSync(acknowledged, 'utf8').split('\n').slice(0, -1).filter((line) => line.startsWith('gen_'));
const lost = ids.filter((id) => !held.has(id));
console.log(`${held.size} held, ${lost.length} lost, ${found.length - held.size} doubled, ${warnings.length} warnings`);
process.exitCode = lost.length > 0 || held.size < found.length || warnings.length > 1 ? 1 : 0;
