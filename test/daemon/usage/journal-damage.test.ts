import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StartError } from '../../../src/daemon/start-error.ts';
import type { JournalRecord } from '../../../src/daemon/usage/journal-record.ts';
import { encodeLine } from '../../../src/daemon/usage/journal/line.ts';
import { append, filesOf, ids, journalDir, openAt, range, replayed, reserveRecord } from './journal-home.ts';
import { randomOf } from './seeded-random.ts';

/** How many seeded changes are tried; the nightly run sets more. */
const CASES = Number(process.env['TOLLGATE_TEST_CASES'] ?? 3000);

interface Subject {
  readonly dir: string;
  readonly records: readonly JournalRecord[];
  readonly names: readonly string[];
  readonly bytes: ReadonlyMap<string, Buffer>;
  /** Where the last write of each segment began. */
  readonly lastWrite: ReadonlyMap<string, number>;
  readonly restore: () => void;
}

const lineStarts = (bytes: Buffer): number[] => [0, ...[...bytes.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1)].slice(0, -1);

/** Three segments, records alone and in writes of five. */
async function aJournal(): Promise<Subject> {
  const dir = journalDir();
  const journal = await openAt(dir, { segmentBytes: 4500 });
  const records = range(0, 48);
  for (let at = 0; at < 48; at += 8) {
    await append(journal, records.slice(at, at + 3));
    await Promise.all(records.slice(at + 3, at + 8).map((record) => journal.append(record)));
  }
  await journal.close();
  const { files, restore } = filesOf(dir);
  const lastWrite = new Map([...files].map(([name, bytes]) => [name, Number.parseInt(bytes.toString('latin1', lineStarts(bytes).at(-1)! + 18, lineStarts(bytes).at(-1)! + 26), 16)]));
  return { dir, records, names: [...files.keys()], bytes: files, lastWrite, restore };
}

type Change = (bytes: Buffer, random: (below: number) => number) => { readonly changed: Buffer; readonly at: number };

const cut = (bytes: Buffer, from: number, to: number, between: Uint8Array = Buffer.alloc(0)): Buffer => Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]);
const aLine = (bytes: Buffer, random: (below: number) => number): [number, number] => {
  const starts = [...lineStarts(bytes), bytes.length];
  const index = random(starts.length - 2);
  return [starts[index]!, starts[index + 1]!];
};

/** What happens to files. Each says where its change begins. */
const CHANGES: Readonly<Record<string, Change>> = {
  'a flipped bit'(bytes, random) {
    const at = random(bytes.length);
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 << random(8);
    return { changed, at };
  },
  'another byte'(bytes, random) {
    const at = random(bytes.length);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at]! + 1 + random(255)) % 256;
    return { changed, at };
  },
  'a page of NULs'(bytes, random) {
    const size = [512, 4096][random(2)]!;
    const at = random(Math.ceil(bytes.length / size)) * size;
    return { changed: Buffer.from(bytes).fill(0, at, Math.min(at + size, bytes.length)), at };
  },
  'NULs anywhere'(bytes, random) {
    const at = random(bytes.length);
    return { changed: Buffer.from(bytes).fill(0, at, Math.min(at + 1 + random(600), bytes.length)), at };
  },
  'a lost byte'(bytes, random) {
    const at = random(bytes.length);
    return { changed: cut(bytes, at, at + 1), at };
  },
  'a doubled block'(bytes, random) {
    const at = random(bytes.length);
    const end = Math.min(bytes.length, at + 1 + random(900));
    return { changed: cut(bytes, end, end, bytes.subarray(at, end)), at: end };
  },
  'a doubled record'(bytes, random) {
    const [from, to] = aLine(bytes, random);
    return { changed: cut(bytes, to, to, bytes.subarray(from, to)), at: to };
  },
  'a lost record'(bytes, random) {
    const [from, to] = aLine(bytes, random);
    return { changed: cut(bytes, from, to), at: from };
  },
  'records out of order'(bytes, random) {
    const [from, to] = aLine(bytes, random);
    const next = [...lineStarts(bytes), bytes.length].find((start) => start > to) ?? to;
    return { changed: cut(bytes, from, next, Buffer.concat([bytes.subarray(to, next), bytes.subarray(from, to)])), at: from };
  },
};

/** What the journal made of its files: its records, or why it refused them. */
async function outcome(dir: string): Promise<{ kept: readonly JournalRecord[]; warnings: number } | { refusal: StartError }> {
  try {
    const journal = await openAt(dir);
    const kept = await replayed(journal);
    await journal.close();
    return { kept, warnings: journal.log.warnings.length };
  } catch (error) {
    if (error instanceof StartError) return { refusal: error };
    throw error;
  }
}

/** Holds what is true of every change: the journal refuses and says where, or it cuts its last write off and says so. */
async function judge({ dir, records, names, lastWrite }: Subject, name: string, at: number, changed: Buffer): Promise<'refused' | 'cut' | 'whole'> {
  const found = await outcome(dir);
  if ('refusal' in found) {
    const { exitCode, message } = found.refusal;
    expect(exitCode).toBe(78);
    const [, said, offset] = /(\d{8}\.jsonl) (?:is damaged at byte (\d+)|was written)/.exec(message) ?? [];
    expect(message).toContain('tollgate recover');
    // A line that is gone from the end of a file shows at the next file only.
    expect([name, names[names.indexOf(name) + 1]]).toContain(said);
    if (said === name) expect(Number(offset)).toBeLessThanOrEqual(at);
    expect(readFileSync(join(dir, name)).equals(changed)).toBe(true);
    return 'refused';
  }
  expect(found.kept).toEqual(records.slice(0, found.kept.length));
  if (found.kept.length === records.length) {
    expect(found.warnings).toBeLessThanOrEqual(1);
    return 'whole';
  }
  expect(name).toBe(names.at(-1));
  expect(at).toBeGreaterThanOrEqual(lastWrite.get(name)!);
  expect(found.warnings).toBe(1);
  return 'cut';
}

describe('a damaged journal', () => {
  it(`refuses to start and says where, or cuts off its last write, whatever happens to a file (${CASES} cases)`, { timeout: CASES * 40 }, async () => {
    const subject = await aJournal();
    expect(subject.names).toHaveLength(3);
    const outcomes = new Map<string, Record<string, number>>();
    for (let seed = 0; seed < CASES; seed++) {
      const random = randomOf(seed);
      const kind = Object.keys(CHANGES)[seed % Object.keys(CHANGES).length]!;
      const name = subject.names[random(3)]!;
      const original = subject.bytes.get(name)!;
      const { changed, at } = CHANGES[kind]!(original, random);
      if (changed.equals(original)) continue;
      subject.restore();
      writeFileSync(join(subject.dir, name), changed);
      const result = await judge(subject, name, at, changed).catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${kind} at byte ${at} of ${name}`, { cause: error });
      });
      const counts = outcomes.get(kind) ?? {};
      outcomes.set(kind, { ...counts, [result]: (counts[result] ?? 0) + 1 });
    }
    // A change that is never seen would pass for a journal that is whole.
    for (const [kind, counts] of outcomes) expect(counts['whole'] ?? 0, kind).toBe(0);
    expect(outcomes.get('a flipped bit')!['refused']).toBeGreaterThan(20 * (outcomes.get('a flipped bit')!['cut'] ?? 0));
  });

  it.each([
    ['nothing', 'begun anew', ''],
    ['null', 'refused', 'null'],
    ['an empty list', 'refused', '[]'],
    ['1,000 NULs', 'begun anew', '\0'.repeat(1000)],
    ['8 MiB of NULs', 'refused', '\0'.repeat(8 * 1024 * 1024)],
    ['a line break', 'refused', '\n'],
  ])('of which the only file holds %s is %s', async (_what, end, content) => {
    const dir = journalDir();
    const journal = await openAt(dir);
    await append(journal, range(0, 3));
    await journal.close();
    const path = join(dir, '00000001.jsonl');
    writeFileSync(path, content);
    const found = await outcome(dir);
    if (end === 'refused') expect(found).toMatchObject({ refusal: { exitCode: 78, message: expect.stringContaining(`${path} is damaged at byte 0`) } });
    else expect(found).toEqual({ kept: [], warnings: 1 });
  });

  /** What an editor does to a file. */
  it.each([
    ['a byte order mark', (text: string) => `\uFEFF${text}`],
    ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['a } at the end', (text: string) => `${text}}`],
    ['a line break at the end', (text: string) => `${text}\n`],
    ['another amount', (text: string) => text.replace('"amount":"1"', '"amount":"2"')],
    ['upper-case hexadecimal', (text: string) => text.replace(/\S+ \S+ \S+(?= \S+ \S.*\n$)/, (head) => head.toUpperCase())],
  ])('is refused when an editor put in %s', async (_what, edit) => {
    const dir = journalDir();
    const journal = await openAt(dir);
    await append(journal, range(0, 3));
    await journal.close();
    const path = join(dir, '00000001.jsonl');
    const text = readFileSync(path, 'utf8');
    expect(edit(text)).not.toBe(text);
    writeFileSync(path, edit(text));
    expect(await outcome(dir)).toMatchObject({ refusal: { exitCode: 78, message: expect.stringMatching(/is damaged at byte \d+.*tollgate recover/) } });
  });

  /** A journal of three records and a fourth line that says what it likes, in a frame that is right. */
  async function withLine(json: string, batch?: number): Promise<string> {
    const dir = journalDir();
    const journal = await openAt(dir);
    await append(journal, range(0, 3));
    await journal.close();
    const path = join(dir, '00000001.jsonl');
    const bytes = readFileSync(path);
    const last = lineStarts(bytes).at(-1)!;
    const previous = createHash('sha256').update(bytes.subarray(last, -1)).digest('hex').slice(0, 16);
    writeFileSync(path, Buffer.concat([bytes, encodeLine(json, bytes.length, batch ?? bytes.length, previous).bytes]));
    return dir;
  }

  it.each([
    ['null', /no JSON|lacks/],
    ['[]', /lacks/],
    ['{"type":"EXPIRE","id":"x","time":9007199254740993}', /a EXPIRE that lacks/],
    ['{"type":"EXPIRE","id":"x","time":1e999}', /a EXPIRE that lacks/],
    ['{"type":"EXPIRE","id":"x","time":1}}', /no JSON/],
    ['{"type":"__proto__","id":"x","time":1}', /a record of the type "__proto__", which this version of Tollgate does not know/],
    ['{"type":"SPLIT","id":"x","time":1}', /a record of the type "SPLIT", which this version of Tollgate does not know: update Tollgate/],
  ])('is refused for the line %s', async (json, words) => {
    const dir = await withLine(json);
    expect(await outcome(dir)).toMatchObject({ refusal: { exitCode: 78, message: expect.stringMatching(words) } });
  });

  it('is refused for a record that says that it was written elsewhere', async () => {
    const dir = await withLine('{"type":"EXPIRE","id":"x","time":1}', 7);
    expect(await outcome(dir)).toMatchObject({ refusal: { exitCode: 78, message: expect.stringContaining('a record that was written to another place') } });
  });

  it('is refused for a record of 100 MB, without reading it', async () => {
    const dir = await withLine('{"type":"EXPIRE","id":"x","time":1}');
    const path = join(dir, '00000001.jsonl');
    const bytes = readFileSync(path);
    const last = lineStarts(bytes).at(-1)!;
    bytes.write('05f5e100', last);
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(100_000_000, 'x'), Buffer.from('\n')]));
    const before = process.memoryUsage().arrayBuffers;
    expect(await outcome(dir)).toMatchObject({ refusal: { message: expect.stringContaining(`damaged at byte ${last}`) } });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
  });

  it('keeps keys that are special to JavaScript as what they are', async () => {
    const dir = await withLine('{"type":"SETTLE","id":"x","time":1,"generation":{"__proto__":{"polluted":true},"constructor":1}}');
    const journal = await openAt(dir);
    const record = (await replayed(journal)).at(-1);
    expect(JSON.stringify(record)).toContain('"__proto__":{"polluted":true}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('of a newer version is refused, and nothing in it is touched', async () => {
    const dir = journalDir();
    const journal = await openAt(dir, { segmentBytes: 1 });
    await append(journal, range(0, 2));
    await journal.close();
    const path = join(dir, '00000002.jsonl');
    const { bytes, line } = encodeLine('{"journal":2,"segment":2,"frames":"other"}', 0, 0, '0'.repeat(16));
    const theirs = Buffer.concat([bytes, Buffer.from('whatever they write\0')]);
    expect(line.end).toBe(bytes.length);
    writeFileSync(path, theirs);
    writeFileSync(join(dir, '00000003.jsonl.tmp'), '');
    expect(await outcome(dir)).toMatchObject({ refusal: { exitCode: 78, message: expect.stringMatching(/00000002\.jsonl was written by a newer Tollgate \(journal format 2; this one reads 1\)/) } });
    expect(readFileSync(path).equals(theirs)).toBe(true);
    expect(readFileSync(join(dir, '00000003.jsonl.tmp'))).toHaveLength(0);
  });

  it('is noticed when its end is older than what was read before', async () => {
    const subject = await aJournal();
    const journal = await openAt(subject.dir);
    const last = (await append(journal, [reserveRecord(48)]))[0]!;
    await journal.close();
    subject.restore();
    const older = await openAt(subject.dir);
    await expect(replayed(older, last)).rejects.toThrow(/does not hold byte \d+ of segment \d, up to which it was read before.*tollgate recover/);
    expect(ids(await replayed(older))).toEqual(ids(subject.records));
    rmSync(join(subject.dir, subject.names[0]!));
    await older.close();
    expect(await outcome(subject.dir)).toMatchObject({ refusal: { message: expect.stringContaining('00000001.jsonl is missing') } });
  });
});
