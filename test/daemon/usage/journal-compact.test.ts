import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/daemon/failure.ts';
import { append, filesOf, ids, journalDir, openAt, range, replayed, reserveRecord, rollupRecord, type Opened } from './journal-home.ts';

const segments = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.jsonl')).sort();

/** 30 records in ten segments of three. */
async function aJournal(): Promise<{ dir: string; journal: Opened }> {
  const dir = journalDir();
  const journal = await openAt(dir);
  for (let at = 0; at < 30; at += 3) {
    await append(journal, range(at, at + 3));
    await journal.seal();
  }
  return { dir, journal };
}

const endOf = ({ segments: all }: Opened, index: number): { segment: number; offset: number } => {
  const { segment, end } = all[index]!;
  return { segment, offset: end };
};

describe('the compaction of a journal', () => {
  it('puts a ROLLUP in the place of what is before a position, and removes the files', async () => {
    const { dir, journal } = await aJournal();
    const rollup = rollupRecord({ through: 12 });
    await journal.compact(endOf(journal, 3), rollup);
    const now = [rollup, ...range(12, 30)];
    expect(await replayed(journal)).toEqual(now);
    expect(segments(dir)).toEqual([4, 5, 6, 7, 8, 9, 10].map((number) => `0000000${number}.jsonl`).map((name) => name.replace('000000010', '00000010')));
    await append(journal, range(30, 33));
    await journal.close();
    const again = await openAt(dir);
    expect(again.log.warnings).toEqual([]);
    expect(await replayed(again)).toEqual([...now, ...range(30, 33)]);
  });

  it('is begun with the ROLLUP by a replay from a position that it stands for, and passed over from its end', async () => {
    const { journal } = await aJournal();
    const all: { segment: number; offset: number }[] = [];
    for await (const { position } of journal.replay()) all.push(position);
    const rollup = rollupRecord({ through: 12 });
    await journal.compact(endOf(journal, 3), rollup);
    for (const position of all.slice(0, 11)) expect(await replayed(journal, position)).toEqual([rollup, ...range(12, 30)]);
    for (const [index, position] of all.slice(11).entries()) expect(await replayed(journal, position)).toEqual(range(12 + index, 30));
    const positions: unknown[] = [];
    for await (const { position } of journal.replay()) positions.push(position);
    expect(positions).toEqual(all.slice(11));
  });

  it('can be done again, up to the last record of all, and the journal goes on', async () => {
    const { dir, journal } = await aJournal();
    await journal.compact(endOf(journal, 3), rollupRecord({ through: 12 }));
    await append(journal, range(30, 32));
    const last = rollupRecord({ through: 32 });
    await journal.compact(endOf(journal, journal.segments.length - 1), last);
    expect(segments(dir)).toHaveLength(1);
    expect(await replayed(journal)).toEqual([last]);
    await journal.close();
    const again = await openAt(dir);
    await append(again, range(32, 34));
    await again.close();
    const third = await openAt(dir);
    expect(await replayed(third)).toEqual([last, ...range(32, 34)]);
    await third.compact(endOf(third, 1), rollupRecord({ through: 34 }));
    expect(await replayed(third)).toEqual([rollupRecord({ through: 34 })]);
  });

  it('is refused for a position that is no end of a segment, and for what is no ROLLUP', async () => {
    const { dir, journal } = await aJournal();
    const before = segments(dir);
    const { segment, offset } = endOf(journal, 3);
    for (const position of [{ segment, offset: offset - 1 }, { segment: 99, offset }, { segment: 0, offset: 0 }]) {
      await expect(journal.compact(position, rollupRecord({}))).rejects.toThrow(RangeError);
    }
    await expect(journal.compact({ segment, offset }, reserveRecord(1))).rejects.toThrow('a RESERVE stands for nothing but itself');
    expect(segments(dir)).toEqual(before);
    expect(await replayed(journal)).toEqual(range(0, 30));
  });

  it('does not disturb a replay that runs, nor records that are appended meanwhile', async () => {
    const { journal } = await aJournal();
    const replay = journal.replay()[Symbol.asyncIterator]();
    const seen = [...ids([(await replay.next()).value!.record])];
    const appended = append(journal, range(30, 60));
    await journal.compact(endOf(journal, 8), rollupRecord({ through: 27 }));
    for (let step = await replay.next(); step.done !== true; step = await replay.next()) seen.push(...ids([step.value.record]));
    expect(seen).toEqual(ids(range(0, 30)));
    await appended;
    expect(ids(await replayed(journal))).toEqual(['ROLLUP', ...ids(range(27, 60))]);
  });

  it('is ended at the next start when it was interrupted', async () => {
    const { dir, journal } = await aJournal();
    const { files } = filesOf(dir);
    await journal.compact(endOf(journal, 3), rollupRecord({ through: 12 }));
    await journal.close();
    for (const name of ['00000001.jsonl', '00000003.jsonl']) writeFileSync(join(dir, name), files.get(name)!);
    writeFileSync(join(dir, '00000004.jsonl.tmp'), files.get('00000004.jsonl')!);
    const again = await openAt(dir);
    expect(again.log.warnings).toEqual([]);
    expect(ids(await replayed(again))).toEqual(['ROLLUP', ...ids(range(12, 30))]);
    expect(readdirSync(dir).filter((name) => /^0000000[123]|tmp/.test(name))).toEqual([]);
  });

  it('leaves everything as it is when the ROLLUP cannot be written', async () => {
    const { dir, journal } = await aJournal();
    mkdirSync(join(dir, '00000004.jsonl.tmp'));
    const refused: unknown = await journal.compact(endOf(journal, 3), rollupRecord({})).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Failure);
    expect(refused).toMatchObject({ reason: 'JOURNAL_UNAVAILABLE', message: expect.stringContaining('EISDIR') });
    expect(await replayed(journal)).toEqual(range(0, 30));
  });

  it('is done although a file that is not needed any more cannot be removed', async () => {
    const { dir, journal } = await aJournal();
    rmSync(join(dir, '00000002.jsonl'));
    mkdirSync(join(dir, '00000002.jsonl'));
    await journal.compact(endOf(journal, 3), rollupRecord({ through: 12 }));
    expect(journal.log.warnings).toEqual([expect.stringContaining('cannot be removed; the next start tries again')]);
    expect(ids(await replayed(journal))).toEqual(['ROLLUP', ...ids(range(12, 30))]);
  });

  it('that is damaged is refused, whichever byte was changed', async () => {
    const { dir, journal } = await aJournal();
    await journal.compact(endOf(journal, 9), rollupRecord({ through: 30 }));
    await journal.close();
    const path = join(dir, '00000010.jsonl');
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 4;
      writeFileSync(path, changed);
      await expect(openAt(dir)).rejects.toThrow(`${path} is damaged at byte`);
      writeFileSync(path, bytes.subarray(0, at));
      await expect(openAt(dir)).rejects.toThrow(`${path} is damaged at byte`);
    }
    writeFileSync(path, bytes);
    expect(ids(await replayed(await openAt(dir)))).toEqual(['ROLLUP']);
  });

  it('tells how old each segment is', async () => {
    const { journal } = await aJournal();
    expect(journal.segments.map(({ records, newest }) => [records, newest])).toEqual(Array.from({ length: 10 }, (_, index) => [3, 1_764_000_000_002 + 3 * index]));
  });
});
