import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../../src/daemon/failure.ts';
import type { JournalRecord } from '../../../../src/daemon/usage/journal-record.ts';
import { append, ids, openAt, range, replayed, reserveRecord, type Opened } from '../journal-home.ts';
import { noSmallDisk, smallDisk } from './small-disk.ts';

const settleRecord = (index: number): JournalRecord => ({ type: 'SETTLE', id: `gen_${index}`, time: index, generation: { note: 'x'.repeat(200) } });

/** Appends until the journal refuses; returns what it took. */
async function appendUntilRefused(journal: Opened, make: (index: number) => JournalRecord, from: number): Promise<{ taken: string[]; refusal: Failure }> {
  const taken: string[] = [];
  for (let index = from; ; index++) {
    try {
      await journal.append(make(index));
      taken.push(`gen_${index}`);
    } catch (error) {
      if (error instanceof Failure) return { taken, refusal: error };
      throw error;
    }
  }
}

if (noSmallDisk !== undefined) console.warn(`journal-disk-full.test.ts is skipped: it ${noSmallDisk}`);

describe.skipIf(noSmallDisk !== undefined)('the journal on a full disk', () => {
  it('refuses new calls, still settles those that run, and goes on by itself when there is room', { timeout: 30_000 }, async () => {
    const disk = smallDisk(1024);
    const dir = join(disk.path, 'journal');
    const journal = await openAt(dir, { segmentBytes: 16_384, reserveBytes: 65_536 });
    await journal.whenWritable();
    disk.fill();
    const full = await appendUntilRefused(journal, reserveRecord, 0);
    expect(full.refusal).toMatchObject({ reason: 'JOURNAL_UNAVAILABLE', message: expect.stringMatching(/the disk that holds \S+ is full \(.*ENOSPC.*\)\. Make room; it goes on by itself/) });
    expect(journal.problem).toContain('is full');
    expect(existsSync(join(dir, 'reserve'))).toBe(false);

    const settled: string[] = [];
    for (let index = 0; index < 40; index++) {
      await journal.append(settleRecord(index));
      settled.push(`gen_${index}`);
    }
    await expect(journal.append(reserveRecord(1))).rejects.toThrow(Failure);
    await expect(journal.append({ type: 'CHECKPOINT', id: 'x', time: 1, outputTokens: 1 })).rejects.toThrow(Failure);
    const rest = await appendUntilRefused(journal, settleRecord, 40);
    expect(rest.taken.length).toBeGreaterThan(50);
    expect(ids(await replayed(journal))).toEqual([...full.taken, ...settled, ...rest.taken]);

    disk.free();
    const freed = performance.now();
    await journal.whenWritable();
    expect(performance.now() - freed).toBeLessThan(5000);
    expect(journal.problem).toBeUndefined();
    await journal.append(reserveRecord(7777));
    expect(existsSync(join(dir, 'reserve'))).toBe(true);
    expect(journal.log.errors).toHaveLength(1);
    const all = [...full.taken, ...settled, ...rest.taken, 'gen_7777'];
    expect(ids(await replayed(journal))).toEqual(all);
    await journal.close();
    const again = await openAt(dir, { reserveBytes: 65_536 });
    expect(again.log.warnings).toEqual([]);
    expect(ids(await replayed(again))).toEqual(all);
  });

  it('writes records whole or not at all, wherever in a write of many the room ends', { timeout: 30_000 }, async () => {
    for (const [spare, isBegun, count] of [[0, true, 150], [4096, true, 150], [12_288, true, 150], [0, false, 150], [8192, false, 150], [0, true, 6000]] as const) {
      const disk = smallDisk(512);
      const dir = join(disk.path, 'journal');
      const journal = await openAt(dir, { segmentBytes: 65_536, reserveBytes: 16_384 });
      await journal.whenWritable();
      const first = isBegun ? range(9999, 10_000) : [];
      await append(journal, first);
      disk.fill(spare);
      const records = [...range(0, count), ...Array.from({ length: 10 }, (_, index) => settleRecord(9000 + index))];
      const results = await Promise.allSettled(records.map((record) => journal.append(record)));
      const taken = records.filter((_, index) => results[index]?.status === 'fulfilled');
      expect(ids(taken)).toEqual(expect.arrayContaining(ids(records.slice(count))));
      expect(taken.length).toBeLessThan(records.length);
      expect(await replayed(journal)).toEqual([...first, ...taken]);
      await journal.close();
      const again = await openAt(dir, { reserveBytes: 16_384 });
      expect(again.log.warnings).toEqual([]);
      expect(await replayed(again)).toEqual([...first, ...taken]);
      await again.close();
    }
  });

  it('opens when there is no room, takes what ends a call, and goes on when there is room', { timeout: 30_000 }, async () => {
    const disk = smallDisk(512);
    const dir = join(disk.path, 'journal');
    const before = await openAt(dir, { reserveBytes: 65_536, segmentBytes: 4096 });
    await before.append(reserveRecord(0));
    await before.close();
    disk.fill(8192);
    rmSync(join(dir, 'reserve'));
    disk.fill(8192);
    const journal = await openAt(dir, { reserveBytes: 65_536, segmentBytes: 4096 });
    await expect.poll(() => journal.problem).toContain('no room for a reserve');
    await expect(journal.append(reserveRecord(1))).rejects.toThrow(Failure);
    await journal.append(settleRecord(0));
    const refused = await journal.compact({ segment: journal.segments[0]!.segment, offset: journal.segments[0]!.end }, { type: 'ROLLUP', time: 1, state: { long: 'x'.repeat(60_000) } }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ reason: 'JOURNAL_UNAVAILABLE', message: expect.stringContaining('ENOSPC') });
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    disk.free();
    await journal.whenWritable();
    await journal.append(reserveRecord(1));
    expect(ids(await replayed(journal))).toEqual(['gen_0', 'gen_0', 'gen_1']);
  });
});
