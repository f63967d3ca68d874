import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JournalRecord } from '../../../src/daemon/usage/journal-record.ts';
import { append, filesOf, journalDir, openAt, range, replayed } from './journal-home.ts';

const RECORDS = 2000;
const newest = (files: ReadonlyMap<string, Buffer>): [string, Buffer] => [...files].at(-1)!;

/** A journal of one record a write, closed, and where each record of its newest segment ends. */
async function aJournal(): Promise<{ dir: string; records: JournalRecord[]; ends: number[] }> {
  const dir = journalDir();
  const journal = await openAt(dir, { segmentBytes: 200_000 });
  const records = range(0, RECORDS);
  const positions = await append(journal, records);
  await journal.close();
  const { segment } = positions.at(-1)!;
  return { dir, records, ends: positions.filter((position) => position.segment === segment).map(({ offset }) => offset) };
}

describe('a journal whose last write was cut short', () => {
  it('is cut back to the last whole record, with one warning, at every byte of the last three records, and goes on', { timeout: 60_000 }, async () => {
    const { dir, records, ends } = await aJournal();
    const { files, restore } = filesOf(dir);
    const [name, bytes] = newest(files);
    for (let length = ends.at(-4)!; length <= bytes.length; length++) {
      writeFileSync(join(dir, name), bytes.subarray(0, length));
      const whole = ends.findLastIndex((end) => end <= length);
      const kept = RECORDS - ends.length + whole + 1;
      const journal = await openAt(dir);
      expect(journal.log.warnings).toHaveLength(ends[whole] === length ? 0 : 1);
      expect(journal.segments.reduce((sum, segment) => sum + segment.records, 0)).toBe(kept);
      expect(readFileSync(join(dir, name)).equals(bytes.subarray(0, ends[whole]))).toBe(true);
      await journal.close();
    }
    restore();
    expect(await replayed(await openAt(dir))).toEqual(records);
  });

  it('takes records again where it was cut', async () => {
    const { dir, records, ends } = await aJournal();
    const [name, bytes] = newest(filesOf(dir).files);
    writeFileSync(join(dir, name), bytes.subarray(0, ends.at(-1)! - 1));
    const journal = await openAt(dir);
    await append(journal, [records.at(-1)!]);
    await journal.close();
    const again = await openAt(dir);
    expect(again.log.warnings).toEqual([]);
    expect(await replayed(again)).toEqual(records);
  });

  it('begins a segment anew of which nothing is whole, at every byte of its first write', { timeout: 30_000 }, async () => {
    const dir = journalDir();
    const journal = await openAt(dir, { segmentBytes: 1 });
    const records = range(0, 4);
    await append(journal, records);
    await journal.close();
    const { files, restore } = filesOf(dir);
    const [name, bytes] = newest(files);
    const header = bytes.indexOf('\n') + 1;
    for (let length = 0; length < bytes.length; length++) {
      restore();
      writeFileSync(join(dir, name), bytes.subarray(0, length));
      const cut = await openAt(dir);
      expect(cut.log.warnings).toHaveLength(length === header ? 0 : 1);
      expect(await replayed(cut)).toEqual(records.slice(0, -1));
      await append(cut, records.slice(-1));
      await cut.close();
      const again = await openAt(dir);
      expect(await replayed(again)).toEqual(records);
      await again.close();
    }
  });

  it('begins anew when not even the first write of all is whole', async () => {
    for (const length of [0, 1, 40, 100, 200]) {
      const dir = journalDir();
      const journal = await openAt(dir);
      await append(journal, range(0, 1));
      await journal.close();
      const path = join(dir, '00000001.jsonl');
      writeFileSync(path, readFileSync(path).subarray(0, length));
      const cut = await openAt(dir);
      expect(cut.log.warnings).toHaveLength(1);
      await append(cut, range(0, 2));
      expect(await replayed(cut)).toEqual(range(0, 2));
    }
  });

  describe('of many records', () => {
    /** One write before, then one write of 64 records. */
    async function oneWrite(): Promise<{ dir: string; path: string; bytes: Buffer; from: number }> {
      const dir = journalDir();
      const journal = await openAt(dir);
      const [first] = await append(journal, range(0, 1));
      await Promise.all(range(1, 65).map((record) => journal.append(record)));
      await journal.close();
      const path = join(dir, '00000001.jsonl');
      return { dir, path, bytes: readFileSync(path), from: first!.offset };
    }

    it('is cut off from the first sector that the disk did not write, though later ones are whole', async () => {
      const { dir, path, bytes, from } = await oneWrite();
      for (const sector of [512, 4096]) {
        for (let at = Math.ceil(from / sector) * sector; at + sector < bytes.length; at += sector) {
          const torn = Buffer.from(bytes).fill(0, at, at + sector);
          writeFileSync(path, torn);
          const journal = await openAt(dir);
          const kept = await replayed(journal);
          expect(journal.log.warnings).toHaveLength(1);
          expect(kept).toEqual(range(0, kept.length));
          expect(kept.length).toBeGreaterThan(0);
          expect(readFileSync(path).length).toBeLessThanOrEqual(at);
          await journal.close();
        }
      }
    });

    it('is no torn tail when a byte in it was changed', async () => {
      const { dir, path, bytes, from } = await oneWrite();
      const changed = Buffer.from(bytes);
      changed[from + 100]! ^= 1;
      writeFileSync(path, changed);
      await expect(openAt(dir)).rejects.toThrow(`${path} is damaged at byte ${from}`);
      expect(readFileSync(path).equals(changed)).toBe(true);
    });

    it('is no torn tail when a later write stands behind the hole', async () => {
      const { dir, path } = await oneWrite();
      const journal = await openAt(dir);
      await append(journal, range(65, 66));
      await journal.close();
      writeFileSync(path, readFileSync(path).fill(0, 4096, 8192));
      await expect(openAt(dir)).rejects.toThrow(/is damaged at byte \d+: bytes that are no whole record.*tollgate recover/);
    });
  });

  it('is not looked for in a segment that has one after it', async () => {
    const dir = journalDir();
    const journal = await openAt(dir, { segmentBytes: 2000 });
    await append(journal, range(0, 30));
    await journal.close();
    const path = join(dir, '00000002.jsonl');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, -1));
    await expect(openAt(dir)).rejects.toThrow(`${path} is damaged at byte`);
    writeFileSync(path, '');
    await expect(openAt(dir)).rejects.toThrow(`${path} is damaged at byte 0: the file is empty`);
    rmSync(path);
    await expect(openAt(dir)).rejects.toThrow(`${path} is missing`);
  });
});
