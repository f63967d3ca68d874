import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/daemon/failure.ts';
import { StartError } from '../../../src/daemon/start-error.ts';
import type { JournalRecord } from '../../../src/daemon/usage/journal-record.ts';
import { append, ids, journalDir, openAt, range, replayed, reserveRecord } from './journal-home.ts';

const segments = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.jsonl'));

const text = fc.string({ unit: 'binary', maxLength: 40 });
const fields = fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4, noNullPrototype: true }).map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const time = fc.maxSafeInteger();
const holds = fc.array(fc.record({ window: text, amount: fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String) }), { maxLength: 3 });
const anyRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.record({ type: fc.constant('RESERVE' as const), id: text, time, client: text, tier: text, windows: holds, request: fields }),
  fc.record({ type: fc.constant('ATTEMPT' as const), id: text, time, provider: text, model: text }),
  fc.record({ type: fc.constant('CHECKPOINT' as const), id: text, time, outputTokens: fc.maxSafeNat() }),
  fc.record({ type: fc.constant('SETTLE' as const), id: text, time, generation: fields }),
  fc.record({ type: fc.constant('VOID' as const), id: text, time, reason: text }),
  fc.record({ type: fc.constant('EXPIRE' as const), id: text, time }),
  fc.record({ type: fc.constant('IMPORT' as const), id: text, time, generation: fields }),
  fc.record({ type: fc.constant('CLEAR' as const), time, before: time }),
  fc.record({ type: fc.constant('RAISE' as const), time, client: text, until: time, limits: fields }),
);

describe('the journal', () => {
  it('gives back what was appended, whatever the records, the segments and the writers, from every position', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anyRecord, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 3000 }), fc.nat(), async (rounds, segmentBytes, pick) => {
        const dir = journalDir();
        const written: JournalRecord[] = [];
        const positions: { segment: number; offset: number }[] = [];
        for (const round of rounds) {
          const journal = await openAt(dir, { segmentBytes });
          positions.push(...(await Promise.all(round.map((record) => journal.append(record)))));
          written.push(...round);
          expect(await replayed(journal)).toEqual(written);
          await journal.close();
        }
        const journal = await openAt(dir, { segmentBytes });
        const seen: typeof positions = [];
        for await (const { position } of journal.replay()) seen.push(position);
        expect(seen).toEqual(positions);
        const from = pick % positions.length;
        expect(await replayed(journal, positions[from])).toEqual(written.slice(from + 1));
        expect(journal.segments.reduce((sum, { records }) => sum + records, 0)).toBe(written.length);
        await journal.close();
        rmSync(dir, { recursive: true });
      }),
      { numRuns: 60 },
    );
  });

  it('writes one line per record: lengths, checksum, where the write began, and the hash of the line before', async () => {
    const dir = journalDir();
    const journal = await openAt(dir, { clock: () => 1_764_000_000_000 });
    await append(journal, [{ type: 'EXPIRE', id: 'gen_1', time: 1 }]);
    await append(journal, [{ type: 'EXPIRE', id: 'gen_2', time: 2 }]);
    expect(readFileSync(join(dir, '00000001.jsonl'), 'utf8')).toBe(
      '00000044 dc558ee0 00000000 0000000000000000 {"journal":1,"segment":1,"time":1764000000000,"base":{"kind":"new"}}\n' +
      '00000027 21e5f280 00000000 ec55862c9f914983 {"type":"EXPIRE","id":"gen_1","time":1}\n' +
      '00000027 f45b284d 000000c5 5f9253ffe217e0e2 {"type":"EXPIRE","id":"gen_2","time":2}\n',
    );
  });

  it('keeps its files from everybody else', async () => {
    const dir = journalDir();
    const journal = await openAt(dir, { segmentBytes: 1 });
    await append(journal, range(0, 3));
    await journal.whenWritable();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(readdirSync(dir).map((name) => [name, statSync(join(dir, name)).mode & 0o777])).toEqual(['00000001.jsonl', '00000002.jsonl', '00000003.jsonl', 'reserve'].map((name) => [name, 0o600]));
  });

  it('begins a new segment when one is long enough, and goes on with the chain', async () => {
    const dir = journalDir();
    const journal = await openAt(dir, { segmentBytes: 2000 });
    const positions = await append(journal, range(0, 40));
    expect(segments(dir).length).toBeGreaterThan(4);
    expect(journal.segments.map(({ segment }) => segment)).toEqual(segments(dir).map((name) => Number(name.slice(0, 8))));
    expect(journal.segments.at(-1)).toMatchObject({ end: positions.at(-1)?.offset, newest: 1_764_000_000_039 });
    await journal.close();
    expect(ids(await replayed(await openAt(dir)))).toEqual(ids(range(0, 40)));
  });

  it('replays what stood there when the replay began, while others append', async () => {
    const journal = await openAt(journalDir());
    await append(journal, range(0, 10));
    const replay = journal.replay();
    await replay[Symbol.asyncIterator]().next();
    await append(journal, range(10, 20));
    const rest: string[] = [];
    for await (const { record } of replay) rest.push(...ids([record]));
    expect(rest).toEqual(ids(range(1, 10)));
  });

  it('refuses a position that it does not hold', async () => {
    const journal = await openAt(journalDir(), { segmentBytes: 2000 });
    const positions = await append(journal, range(0, 20));
    const last = positions.at(-1)!;
    expect(await replayed(journal, last)).toEqual([]);
    for (const { segment, offset } of [{ ...last, offset: last.offset + 1 }, { ...last, segment: last.segment + 1 }, { ...last, offset: last.offset - 1 }, { segment: 0, offset: 0 }]) {
      await expect(replayed(journal, { segment, offset })).rejects.toThrow(`does not hold byte ${offset} of segment ${segment}`);
    }
    await expect(replayed(await openAt(journalDir()), last)).rejects.toThrow(StartError);
  });

  it('does not write what it could not read again', async () => {
    const journal = await openAt(journalDir());
    const wrong: readonly unknown[] = [{ type: 'EXPIRE', id: 'x' }, { type: 'EXPIRE', id: 'x', time: Number.NaN }, { type: 'OTHER', id: 'x', time: 1 }, { type: 'CHECKPOINT', id: 'x', time: 1, outputTokens: 1.5 }];
    for (const record of wrong) await expect(journal.append(record as JournalRecord)).rejects.toThrow(TypeError);
    await expect(journal.append(reserveRecord(0, 'x'.repeat(1024 * 1024)))).rejects.toThrow(RangeError);
    await expect(journal.append({ type: 'SETTLE', id: 'x', time: 1, generation: { cost: 1n } })).rejects.toThrow(/BigInt/);
    await append(journal, range(0, 1));
    expect(await replayed(journal)).toEqual(range(0, 1));
  });

  it('refuses records once it is closed, after it has written those that it took', async () => {
    const dir = journalDir();
    const journal = await openAt(dir);
    const taken = range(0, 100).map((record) => journal.append(record));
    await journal.close();
    expect(await Promise.all(taken)).toHaveLength(100);
    const refused: unknown = await journal.append(reserveRecord(1)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Failure);
    expect(refused).toMatchObject({ reason: 'JOURNAL_UNAVAILABLE' });
    expect(await replayed(await openAt(dir))).toEqual(range(0, 100));
  });

  it('writes what waits for a sync in one go', async () => {
    const dir = journalDir();
    const journal = await openAt(dir);
    await Promise.all(range(0, 64).map((record) => journal.append(record)));
    const batches = new Set(readFileSync(join(dir, '00000001.jsonl'), 'latin1').split('\n').filter(Boolean).map((line) => line.slice(18, 26)));
    expect(batches.size).toBe(1);
  });

  it('lets nobody wait who wants a new segment, under writers that never rest', async () => {
    const journal = await openAt(journalDir());
    const over = new AbortController();
    let written = 0;
    const writers = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) await journal.append(reserveRecord(written++));
    });
    for (let round = 0; round < 20; round++) {
      const end = await journal.seal();
      if (end !== undefined) await journal.compact(end, { type: 'ROLLUP', time: 1, state: {} });
    }
    const before = written;
    over.abort();
    await Promise.all(writers);
    expect(before).toBeGreaterThan(20);
    expect(journal.segments.length).toBeLessThan(6);
  });

  it.each([
    ['a link', (path: string) => symlinkSync('/dev/null', path), /ELOOP/],
    ['a directory', (path: string) => mkdirSync(path), /is not a file/],
  ])('is not read from %s', async (_what, put, words) => {
    const dir = journalDir();
    mkdirSync(dir, { mode: 0o700 });
    put(join(dir, '00000001.jsonl'));
    const refused: unknown = await openAt(dir).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toMatch(words);
  });

  it('says what others did to its files while it had them open', async () => {
    const dir = journalDir();
    const journal = await openAt(dir, { segmentBytes: 2000 });
    await append(journal, range(0, 20));
    const path = join(dir, '00000002.jsonl');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, -1));
    await expect(replayed(journal)).rejects.toThrow(`${path} is damaged at byte`);
    writeFileSync(path, bytes.subarray(0, bytes.lastIndexOf('\n', -2) + 1));
    await expect(replayed(journal)).rejects.toThrow(`${path} is damaged at byte`);
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(path, bytes);
    await expect(replayed(journal)).rejects.toThrow(`${path} is damaged at byte`);
    rmSync(path);
    await expect(replayed(journal)).rejects.toThrow(`${path} cannot be used: open failed with ENOENT`);
  });

  it('leaves files that are not its own alone', async () => {
    const dir = journalDir();
    mkdirSync(dir, { mode: 0o700 });
    for (const name of ['notes.txt', '00000001.jsonl.corrupt-2026', '1.jsonl']) writeFileSync(join(dir, name), 'mine');
    writeFileSync(join(dir, '00000009.jsonl.tmp'), 'never became a segment');
    const journal = await openAt(dir);
    await append(journal, range(0, 1));
    await journal.whenWritable();
    expect(readdirSync(dir).sort()).toEqual(['00000001.jsonl', '00000001.jsonl.corrupt-2026', '1.jsonl', 'notes.txt', 'reserve']);
  });
});
