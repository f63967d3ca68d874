import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAILPOINTS } from '../../src/daemon/usage/journal/failpoint.ts';
import { encodeLine } from '../../src/daemon/usage/journal/line.ts';
import { append, ids, openAt, range, replayed } from '../daemon/usage/journal-home.ts';
import { daemonHome } from './daemon-home.ts';
import { runTollgate } from './run-tollgate.ts';

const journalOf = (home: string): string => join(home, 'state', 'journal');
const segment = (home: string, number = 1): string => join(journalOf(home), `0000000${number}.jsonl`);

/** A home whose journal holds six records in two segments. */
async function homeWithJournal(): Promise<string> {
  const home = daemonHome();
  mkdirSync(join(home, 'state'), { mode: 0o700 });
  const journal = await openAt(journalOf(home));
  await append(journal, range(0, 3));
  await journal.seal();
  await append(journal, range(3, 6));
  await journal.close();
  return home;
}

/** Changes a byte of the second record. */
function damage(home: string): void {
  const bytes = readFileSync(segment(home));
  bytes[bytes.indexOf('gen_1')]! ^= 1;
  writeFileSync(segment(home), bytes);
}

describe('tollgate recover', () => {
  it('says that a whole journal is whole, and has nothing to do where there is none', async () => {
    expect(await runTollgate(await homeWithJournal(), ['recover'])).toEqual({ code: 0, stderr: '', stdout: 'The journal is whole: 6 records. Nothing of it was changed.\n' });
    expect(await runTollgate(daemonHome(), ['recover'])).toEqual({ code: 0, stderr: '', stdout: 'The journal is whole: 0 records. Nothing of it was changed.\n' });
  });

  it('keeps what is whole, says what is lost and where the damaged files are, the snapshot among them', async () => {
    const home = await homeWithJournal();
    damage(home);
    writeFileSync(join(home, 'state', 'usage.json'), '{}');
    const { code, stdout, stderr } = await runTollgate(home, ['recover']);
    expect([code, stderr]).toEqual([0, 'tollgate: Start the daemon again: `tollgate start`.\n']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('The journal was damaged. 5 records could be kept, and what is wrong is this:');
    expect(lines[1]).toMatch(/^ {2}\S+00000001\.jsonl, byte \d+, \d+ bytes: bytes that are no whole record, between 2025-\d\d-\d\dT\S+Z and 2025-\S+Z$/);
    expect(lines.slice(2)).toEqual([expect.stringMatching(/^Put aside: \S+00000001\.jsonl\.corrupt-\S+Z$/), expect.stringMatching(/^Put aside: \S+usage\.json\.corrupt-\S+Z$/)]);
    for (const line of lines.slice(2)) expect(existsSync(line.slice('Put aside: '.length))).toBe(true);
    expect(ids(await replayed(await openAt(journalOf(home))))).toEqual(['gen_0', 'gen_2', 'gen_3', 'gen_4', 'gen_5']);
  });

  it('gives programs one JSON object', async () => {
    const home = await homeWithJournal();
    damage(home);
    const { stdout } = await runTollgate(home, ['recover', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      changed: true, kept: 5, aside: [expect.stringContaining('.corrupt-')],
      lost: [{ path: segment(home), offset: expect.any(Number), bytes: expect.any(Number), what: 'bytes that are no whole record', after: 1_764_000_000_000, before: 1_764_000_000_002 }],
    });
    expect(JSON.parse((await runTollgate(home, ['recover', '--json'])).stdout)).toEqual({ changed: false, kept: 5, lost: [], aside: [] });
  });

  it('refuses while a daemon holds the home', async () => {
    const home = await homeWithJournal();
    await runTollgate(home, ['start']);
    damage(home);
    const before = readFileSync(segment(home));
    const { code, stdout, stderr } = await runTollgate(home, ['recover']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/another tollgated holds this home: pid \d+.*tollgate stop/);
    expect(JSON.parse((await runTollgate(home, ['recover', '--json'])).stdout)).toMatchObject({ error: { message: expect.stringContaining('holds this home') } });
    expect(readFileSync(segment(home)).equals(before)).toBe(true);
  });

  it('refuses what a newer version wrote, and manages this home only', async () => {
    const home = await homeWithJournal();
    writeFileSync(segment(home, 3), encodeLine('{"journal":2}', 0, 0, '0'.repeat(16)).bytes);
    const newer = await runTollgate(home, ['recover']);
    expect([newer.code, newer.stderr]).toEqual([1, expect.stringContaining('was written by a newer Tollgate')]);
    const elsewhere = await runTollgate(home, ['recover'], { variables: { TOLLGATE_ADDRESS: '127.0.0.1:1' } });
    expect([elsewhere.code, elsewhere.stderr]).toEqual([2, expect.stringContaining('manages only the daemon of this home')]);
  });

  it.each(FAILPOINTS.filter((name) => name.startsWith('journal.recovery-')))('loses nothing when it is killed at %s', { timeout: 30_000 }, async (name) => {
    for (const hit of name === 'journal.recovery-aside' ? [1, 2] : [1]) {
      const home = await homeWithJournal();
      damage(home);
      const damaged = readFileSync(segment(home));
      const killed = await runTollgate(home, ['recover'], { variables: { TOLLGATE_FAILPOINT: `${name}:${hit}` } });
      expect(killed).toEqual({ code: null, stdout: '', stderr: '' });
      expect((await runTollgate(home, ['recover'])).code).toBe(0);
      expect(ids(await replayed(await openAt(journalOf(home))))).toEqual(['gen_0', 'gen_2', 'gen_3', 'gen_4', 'gen_5']);
      const aside = readdirSync(journalOf(home)).filter((file) => file.startsWith('00000001.jsonl.corrupt-'));
      expect(aside.map((file) => readFileSync(join(journalOf(home), file)).equals(damaged))).toEqual([true]);
    }
  });
});
