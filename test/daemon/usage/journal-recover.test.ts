import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeLine } from '../../../src/daemon/usage/journal/line.ts';
import { recoverJournal } from '../../../src/daemon/usage/journal/recover-journal.ts';
import { append, filesOf, ids, journalDir, openAt, range, replayed, rollupRecord } from './journal-home.ts';

const NOON = Date.parse('2026-11-23T12:00:00.000Z');
const recover = (dir: string): ReturnType<typeof recoverJournal> => recoverJournal(dir, () => NOON);
const path = (dir: string, number: number): string => join(dir, `0000000${number}.jsonl`);
const aside = (dir: string, number: number): string => `${path(dir, number)}.corrupt-2026-11-23T12-00-00.000Z`;
const time = (index: number): number => 1_764_000_000_000 + index;

/** Twelve records in four segments, and where each line of a segment begins. */
async function aJournal(): Promise<{ dir: string; starts: (number: number) => number[] }> {
  const dir = journalDir();
  const journal = await openAt(dir);
  for (let at = 0; at < 12; at += 3) {
    await append(journal, range(at, at + 3));
    await journal.seal();
  }
  await journal.close();
  return { dir, starts: (number) => [0, ...[...readFileSync(path(dir, number)).entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1)] };
}

/** Changes a file and gives back its bytes. */
function change(file: string, edit: (bytes: Buffer) => Buffer): Buffer {
  const changed = edit(readFileSync(file));
  writeFileSync(file, changed);
  return changed;
}

const flip = (at: number) => (bytes: Buffer): Buffer => {
  bytes[at]! ^= 1;
  return bytes;
};

/** What a start finds after the recovery. */
async function idsAfter(dir: string): Promise<string[]> {
  const journal = await openAt(dir);
  expect(journal.log.warnings).toEqual([]);
  const found = ids(await replayed(journal));
  await append(journal, range(99, 100));
  expect(ids(await replayed(journal))).toEqual([...found, 'gen_99']);
  await journal.close();
  return found;
}

const without = (...gone: readonly number[]): string[] => ids(range(0, 12)).filter((_, index) => !gone.includes(index));

describe('recoverJournal', () => {
  it('touches nothing when all is whole, a torn tail included', async () => {
    const { dir } = await aJournal();
    change(path(dir, 4), (bytes) => bytes.subarray(0, -5));
    const { files } = filesOf(dir);
    expect(await recover(dir)).toEqual({ changed: false, kept: 11, lost: [], aside: [] });
    expect([...filesOf(dir).files]).toEqual([...files]);
  });

  it('keeps every whole record, says which bytes are lost between which times, and puts the damaged file aside', async () => {
    const { dir, starts } = await aJournal();
    const [, , second = 0, third = 0] = starts(2);
    const damaged = change(path(dir, 2), flip(second + 60));
    const report = await recover(dir);
    expect(report).toEqual({
      changed: true, kept: 11, aside: [aside(dir, 2)],
      lost: [{ path: path(dir, 2), offset: second, bytes: third - second, what: 'bytes that are no whole record', after: time(3), before: time(5) }],
    });
    expect(readFileSync(aside(dir, 2)).equals(damaged)).toBe(true);
    expect(readdirSync(dir).filter((name) => name.endsWith('.jsonl'))).toEqual(['00000005.jsonl']);
    expect(await idsAfter(dir)).toEqual(without(4));
    expect((await recover(dir)).changed).toBe(false);
  });

  it('goes on at the next whole record after a hole, a lost header and lost bytes', async () => {
    const { dir, starts } = await aJournal();
    const [, first = 0, second = 0] = starts(1);
    change(path(dir, 1), (bytes) => bytes.fill(0, first + 5, second + 5));
    change(path(dir, 2), flip(3));
    change(path(dir, 3), (bytes) => Buffer.concat([bytes.subarray(0, 50), bytes.subarray(51)]));
    change(path(dir, 4), (bytes) => bytes.subarray(0, -5));
    const torn = starts(4)[3]!;
    const report = await recover(dir);
    expect(report.aside).toEqual([1, 2, 3, 4].map((number) => aside(dir, number)));
    expect(report.lost.map(({ path: file, offset, after, before }) => [file, offset, after, before])).toEqual([
      [path(dir, 1), first, undefined, time(2)],
      [path(dir, 2), 0, time(2), time(3)],
      [path(dir, 3), 0, time(5), time(6)],
      [path(dir, 4), torn, time(10), undefined],
    ]);
    expect(await idsAfter(dir)).toEqual(without(0, 1, 11));
  });

  it('keeps a doubled record once, and tells of records that are gone without a trace', async () => {
    const { dir, starts } = await aJournal();
    const [, first = 0, second = 0, third = 0] = starts(2);
    change(path(dir, 2), (bytes) => Buffer.concat([bytes.subarray(0, second), bytes.subarray(first, second), bytes.subarray(second)]));
    change(path(dir, 3), (bytes) => Buffer.concat([bytes.subarray(0, starts(3)[2]), bytes.subarray(starts(3)[3])]));
    const { lost } = await recover(dir);
    expect(lost.map(({ offset, bytes, what }) => [offset, bytes, what])).toEqual([
      [second, second - first, 'a record that is there twice; it is kept once'],
      [expect.any(Number), 0, 'records are missing before this one, or it was moved here; it is kept'],
    ]);
    expect(third).toBeGreaterThan(second);
    expect(await idsAfter(dir)).toEqual(without(7));
  });

  it('goes on without a segment that is missing', async () => {
    const { dir } = await aJournal();
    rmSync(path(dir, 1));
    rmSync(path(dir, 3));
    const report = await recover(dir);
    expect(report).toMatchObject({ changed: true, kept: 6, aside: [] });
    expect(report.lost.map(({ path: file, what }) => [file, what])).toEqual([[path(dir, 2), 'the segments before this one are missing'], [path(dir, 4), 'the segments before this one are missing']]);
    expect(await idsAfter(dir)).toEqual(without(0, 1, 2, 6, 7, 8));
  });

  it('falls back to the records that a damaged ROLLUP stands for, while they are still there', async () => {
    const { dir } = await aJournal();
    const { files } = filesOf(dir);
    const journal = await openAt(dir);
    const { segment, end } = journal.segments[1]!;
    await journal.compact({ segment, offset: end }, rollupRecord({ through: 6 }));
    await journal.close();
    change(path(dir, 2), (bytes) => flip(bytes.length - 10)(bytes));
    writeFileSync(path(dir, 1), files.get('00000001.jsonl')!);
    const { lost, kept } = await recover(dir);
    expect([kept, lost.length]).toEqual([9, 1]);
    expect(await idsAfter(dir)).toEqual(without(3, 4, 5));
  });

  it('ends what an earlier recovery could not end: the old files are put aside, never read again', async () => {
    const { dir } = await aJournal();
    change(path(dir, 2), flip(100));
    const { files } = filesOf(dir);
    const { kept } = await recover(dir);
    for (const [name, bytes] of files) writeFileSync(join(dir, name), bytes);
    expect(await idsAfter(dir)).toHaveLength(kept);
    expect(readdirSync(dir).filter((name) => name.includes('.corrupt-'))).toHaveLength(5);
  });

  it('refuses a newer version and records that it does not know', async () => {
    const { dir } = await aJournal();
    change(path(dir, 2), flip(100));
    const original = readFileSync(path(dir, 4));
    writeFileSync(path(dir, 4), encodeLine('{"journal":2}', 0, 0, '0'.repeat(16)).bytes);
    await expect(recover(dir)).rejects.toThrow('was written by a newer Tollgate');
    writeFileSync(path(dir, 4), Buffer.concat([original, encodeLine('{"type":"NEW","time":1}', original.length, original.length, '0'.repeat(16)).bytes]));
    await expect(recover(dir)).rejects.toThrow('a record of the type "NEW", which this version of Tollgate does not know');
    expect(readdirSync(dir).filter((name) => name !== 'reserve')).toEqual([1, 2, 3, 4].map((number) => `0000000${number}.jsonl`));
  });

  it('takes a line in a right frame that is no record for a loss', async () => {
    const { dir } = await aJournal();
    change(path(dir, 4), (bytes) => Buffer.concat([bytes, encodeLine('{"type":"EXPIRE"}', bytes.length, bytes.length, '0'.repeat(16)).bytes]));
    const { lost, kept } = await recover(dir);
    expect([kept, lost.map(({ what }) => what)]).toEqual([12, expect.arrayContaining(['a EXPIRE that lacks what it must have'])]);
  });

  it('keeps all that is whole, whatever is damaged', { timeout: 30_000 }, async () => {
    const { dir } = await aJournal();
    const { files, restore } = filesOf(dir);
    for (const [name, bytes] of files) {
      for (let at = 0; at < bytes.length; at += 23) {
        restore();
        change(join(dir, name), flip(at));
        const { changed, kept, lost } = await recover(dir);
        const journal = await openAt(dir);
        const found = ids(await replayed(journal));
        await journal.close();
        expect(found).toHaveLength(kept);
        expect(kept).toBeGreaterThanOrEqual(11);
        expect(found).toEqual(ids(range(0, 12)).filter((id) => found.includes(id)));
        expect(changed && lost.length > 0).toBe(true);
      }
    }
  });

  it('is not asked for another name of a segment', async () => {
    const { dir } = await aJournal();
    renameSync(path(dir, 4), path(dir, 5));
    await expect(openAt(dir)).rejects.toThrow('00000004.jsonl is missing');
    renameSync(path(dir, 5), path(dir, 4));
    writeFileSync(path(dir, 5), readFileSync(path(dir, 4)));
    await expect(openAt(dir)).rejects.toThrow('00000005.jsonl is damaged at byte 0: the segment 4 under another name');
    expect((await recover(dir)).kept).toBe(12);
    expect(await idsAfter(dir)).toEqual(without());
  });
});
