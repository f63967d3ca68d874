import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Cost_Provenance } from '../../src/gen/tollgate/v1/content.ts';
import type { Generation } from '../../src/gen/tollgate/v1/usage_service.ts';
import { memoryBook, type MemoryBook } from '../daemon/usage/memory-book.ts';
import { ended, hasTerminal, listen, runTollgate, spawnOnTerminal, spawnTollgate } from './run-tollgate.ts';
import { homeOf, plain, priced } from './usage-home.ts';

const longModel = 'meta-llama/llama-3.1-405b-instruct-with-a-very-long-name-that-no-terminal-holds';

function smallBook(): MemoryBook {
  const book = memoryBook();
  book.settle(
    { generationId: 'g-1', client: 'ann', provider: 'groq', responseModel: 'llama', usage: { inputTokens: 12_345n, outputTokens: 678n }, cost: priced(0.5), labels: { team: 'search' } },
    { generationId: 'g-2', client: 'bob', provider: 'openrouter', responseModel: longModel, cost: priced(3.25) },
    { generationId: 'g-3', client: 'bob', provider: 'dark', responseModel: 'm', statusReason: 'RATE_LIMITED', cost: { provenance: Cost_Provenance.UNKNOWN } },
  );
  return book;
}

/** The line that begins with `name`, its columns apart. */
const rowOf = (text: string, name: string): readonly string[] => text.split('\n').find((line) => line.startsWith(name))?.split(/ {2,}/) ?? [];
const widest = (text: string): number => Math.max(...text.split('\n').map((line) => Array.from(line).length));

describe('tollgate usage', () => {
  it('shows what today and the month came to, a bar a day, and the dearest first', async () => {
    const { code, stdout, stderr } = await (await homeOf(smallBook())).run('usage');
    expect(code).toBe(0);
    const [titles, amounts, requests] = stdout.split('\n');
    expect(titles).toMatch(/^TODAY +THIS MONTH +PROJECTED$/);
    expect(amounts).toMatch(/^\$3\.75 \+ \? +\$3\.75 \+ \? +-$/);
    expect(requests).toMatch(/^3 requests, 66\.7 % ok +3 requests, 66\.7 % ok +too early to say$/);
    expect(stdout).toMatch(/^█ {2}\d{4}-\d\d-\d\d to .*most \$3\.75/m);
    expect(stdout.indexOf('\nopenrouter ')).toBeLessThan(stdout.indexOf('\ngroq '));
    expect(stdout.indexOf('\ngroq ')).toBeLessThan(stdout.indexOf('\ndark '));
    expect(rowOf(stdout, 'dark ')).toEqual(['dark', '1', '1', '-', '-', 'unknown']);
    expect(rowOf(stdout, 'groq/llama').at(-1)).toBe('$0.50');
    expect(stderr).toContain('The cost of 1 of 3 requests is not known');
  });

  it('writes no amount that nobody writes, such as the old $0.50¢', async () => {
    const book = memoryBook();
    book.settle({ generationId: 'g', provider: 'p', responseModel: 'm', cost: priced(0.5) });
    const { run } = await homeOf(book);
    for (const args of [['usage'], ['usage', 'by', 'model'], ['why', 'g']]) {
      const { stdout } = await run(...args);
      expect(stdout).toContain('$0.50');
      expect(stdout).not.toMatch(/¢|\$0\.50\d|\$\.5/);
    }
  });

  it('says nothing was asked, instead of zeros, before the first generation', async () => {
    const { code, stdout, stderr } = await (await homeOf(memoryBook())).run('usage');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('no requests');
    expect(stdout).not.toContain('$');
  });

  it('prints canonical JSON with --json', async () => {
    const { stdout } = await (await homeOf(smallBook())).run('usage', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ month: { request_count: '3', cost: { expected_pico_usd: '3750000000000' }, by_provider: expect.arrayContaining([expect.objectContaining({ key: { provider: 'dark' }, unknown_cost_count: '1' })]) } });
  });

  it('ends with 1 when the token may not, with 2 for wrong use, with 3 without a daemon', async () => {
    const home = await homeOf(smallBook(), ['generate']);
    const refused = await home.run('usage', '--json');
    expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([1, { error: { reason: 'SCOPE_MISSING' } }]);
    for (const args of [['usage', 'nonsense'], ['usage', 'by'], ['usage', 'by', 'week'], ['usage', 'by', 'day', 'day'], ['usage', 'by', 'day', '--since', 'soon'], ['usage', 'clear'], ['usage', 'export', '--format', 'xml']]) {
      expect([args, (await home.run(...args)).code]).toEqual([args, 2]);
    }
    const unreachable = await runTollgate(home.path, ['usage', '--json']);
    expect([unreachable.code, JSON.parse(unreachable.stdout)]).toMatchObject([3, { error: { reason: 'DAEMON_UNREACHABLE' } }]);
  });

  it('says which time zone is none', async () => {
    const { code, stderr } = await (await homeOf(smallBook())).run('usage', '--time-zone', 'Mars/Olympus');
    expect([code, stderr]).toEqual([1, expect.stringContaining('time_zone')]);
  });

  it.runIf(hasTerminal)('keeps to 80 columns on a terminal, with colours; without them where NO_COLOR says so', async () => {
    const quota = { tier: 'pro' as const, windows: [{ name: 'requests per month', unit: 'pico_usd', limit: 5_000_000n * 10n ** 9n, used: 1_234_567n * 10n ** 9n, reserved: 10n ** 13n, resetsAt: new Date(Date.now() + 3e9) }], upgrade: undefined };
    const { path, variables } = await homeOf({ ...smallBook(), quota: () => quota });
    for (const args of [['usage'], ['usage', 'by', 'provider', 'model'], ['quota']]) {
      const { stdout } = await ended(spawnOnTerminal(path, args, { variables }));
      expect(widest(plain(stdout))).toBeLessThanOrEqual(80);
      expect(plain(stdout)).not.toContain(longModel);
    }
    const [coloured, plainly] = await Promise.all([{}, { NO_COLOR: '1' }].map(async (more) => (await ended(spawnOnTerminal(path, ['usage'], { variables: { ...variables, ...more } }))).stdout));
    expect(coloured).toContain('\u001B[');
    expect(plainly).not.toContain('\u001B[');
  });
});

describe('tollgate usage by', () => {
  it('sums by one or several groups, with a total of all', async () => {
    const { run } = await homeOf(smallBook());
    const { stdout, stderr } = await run('usage', 'by', 'client');
    expect(rowOf(stdout, 'bob')).toEqual(['bob', '2', '1', '-', '-', '$3.25 + ?']);
    expect(rowOf(stdout, 'total')).toEqual(['total', '3', '1', '-', '-', '$3.75 + ?']);
    expect(stderr).toContain('The cost of 1 of 3 requests is not known');
    const both = await run('usage', 'by', 'provider', 'model');
    expect(rowOf(both.stdout, 'openrouter').slice(0, 2)).toEqual(['openrouter', longModel]);
  });

  it('chooses a client, a label, and names what has no label', async () => {
    const { run } = await homeOf(smallBook());
    expect((await run('usage', 'by', 'provider', '--client', 'ann')).stdout).not.toContain('openrouter');
    expect((await run('usage', 'by', 'provider', '--label', 'team=search')).stdout).not.toContain('openrouter');
    const labels = await run('usage', 'by', 'label:team', '--json');
    expect(JSON.parse(labels.stdout)).toMatchObject({ rows: expect.arrayContaining([expect.objectContaining({ key: { 'label:team': 'search' } })]) });
    expect((await run('usage', 'by', 'label:team')).stdout).toContain('(none)');
    const none = await run('usage', 'by', 'client', '-c', 'nobody');
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'tollgate: nothing was used in the last 30 days.\n' });
  });
});

describe('tollgate usage watch', () => {
  it('writes a line for each generation that ends, until Ctrl-C', async () => {
    const book = memoryBook();
    const { path, variables } = await homeOf(book);
    const child = spawnTollgate(path, ['usage', 'watch', '--client', 'ann'], { variables });
    const [out, err] = [listen(child.stdout), listen(child.stderr)];
    await err.until('Watching.');
    book.settle({ generationId: 'g-2', client: 'bob' }, { generationId: 'g-1', client: 'ann', provider: 'p', responseModel: 'm', usage: { inputTokens: 12_345n }, cost: priced(0.0123), duration: { seconds: 2n, nanos: 1e8 }, statusReason: 'IDLE_TIMEOUT', settleTime: new Date('2026-11-23T09:05:01Z') });
    expect(await out.until('\n')).toBe('09:05:01 ann · p/m · 12.3k in · $0.0123 · 2.1 s · IDLE_TIMEOUT · g-1\n');
    child.kill('SIGINT');
    const [code] = await new Promise<[number | null]>((resolve) => child.once('exit', (exit) => resolve([exit])));
    expect(code).toBe(130);
  });

  it('writes JSON that import takes', async () => {
    const [from, into] = [memoryBook(), memoryBook()];
    const { path, variables } = await homeOf(from);
    const child = spawnTollgate(path, ['usage', 'watch', '--json'], { variables });
    const out = listen(child.stdout);
    await listen(child.stderr).until('Watching.');
    from.settle({ generationId: 'g-1' });
    const line = await out.until('\n');
    expect(JSON.parse(line)).toMatchObject({ generation: { generation_id: 'g-1', client: 'a' } });
    const home = await homeOf(into);
    expect((await runTollgate(home.path, ['usage', 'import', '-'], { variables: home.variables, stdin: line })).stdout).toBe('1 imported, 0 were there already.\n');
    expect(into.settled).toEqual(from.settled);
  });
});

describe('tollgate usage export and import', () => {
  it('carry everything from one daemon to another, once', async () => {
    const [from, into] = [smallBook(), memoryBook()];
    const exported = await (await homeOf(from)).run('usage', 'export');
    expect(exported).toMatchObject({ code: 0, stderr: '3 generations exported.\n' });
    const home = await homeOf(into);
    const file = join(home.path, 'usage.ndjson');
    writeFileSync(file, exported.stdout);
    expect(await home.run('usage', 'import', file)).toMatchObject({ code: 0, stdout: '3 imported, 0 were there already.\n' });
    expect(JSON.parse((await home.run('usage', 'import', file, '--json')).stdout)).toEqual({ duplicate_count: '3' });
    const byId = (book: MemoryBook): Generation[] => book.settled.toSorted((a, b) => (a.generationId < b.generationId ? -1 : 1));
    expect(byId(into)).toEqual(byId(from));
  });

  it('writes CSV for spreadsheets', async () => {
    const { stdout } = await (await homeOf(smallBook())).run('usage', 'export', '--format', 'csv', '--client', 'ann', '--since', '1h');
    const [head = '', row = '', end] = stdout.split('\r\n');
    expect(head).toMatch(/^generation_id,client,/);
    expect(row).toMatch(/^g-1,ann,.*,PRICED,list 1,"\{""team"":""search""\}"$/);
    expect(end).toBe('');
  });

  it('leaves quietly when nobody reads on', async () => {
    const book = memoryBook();
    for (let number = 0; number < 3000; number++) book.settle({ generationId: `g-${number}`, labels: { filler: 'x'.repeat(200) } });
    const { path, variables } = await homeOf(book);
    const child = spawnTollgate(path, ['usage', 'export'], { variables });
    await listen(child.stdout).until('\n');
    child.stdout.destroy();
    const stderr = listen(child.stderr);
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect([code, stderr.heard()]).toEqual([0, expect.not.stringContaining('tollgate:')]);
  });

  it.each([
    ['is no JSON', 'generation_id,client\n', 'line 1 is no generation'],
    ['is no generation', '{"generation_id":"a"\n', 'line 1 is no generation'],
    ['has a number where a text should be', '{"generation_id":5}\n', 'line 1 is no generation'],
    ['is a list', '[]\n', 'line 1 is no generation'],
    ['lacks what each generation has', '{"foo":1}\n', 'generation.generation_id: must be 1 to 128 bytes (message 1 of the stream)'],
  ])('says which line %s', async (_what, stdin, said) => {
    const home = await homeOf(memoryBook());
    const { code, stderr } = await runTollgate(home.path, ['usage', 'import', '-'], { variables: home.variables, stdin });
    expect([code, stderr]).toEqual([1, expect.stringContaining(said)]);
  });

  it('says that there is no such file, and that a folder is none', async () => {
    const home = await homeOf(memoryBook());
    const { code, stderr } = await home.run('usage', 'import', '/nonexistent/usage.ndjson');
    expect([code, stderr]).toEqual([1, 'tollgate: There is no file /nonexistent/usage.ndjson.\n']);
    const folder = await home.run('usage', 'import', home.path);
    expect([folder.code, folder.stderr]).toEqual([1, `tollgate: ${home.path} is a folder, not a file.\n`]);
  });
});

describe('tollgate usage clear', () => {
  const old = { generationId: 'old', settleTime: new Date('2026-01-01T00:00:00Z') };

  it('forgets nothing when nobody can be asked, and what it is told to with --yes', async () => {
    const book = smallBook();
    book.settle(old);
    const { run } = await homeOf(book);
    expect(await run('usage', 'clear', '--before', '2026-02-01')).toMatchObject({ code: 2, stdout: '' });
    expect(book.settled).toHaveLength(4);
    expect(await run('usage', 'clear', '--before', '2026-02-01', '--yes')).toMatchObject({ code: 0, stdout: '1 generation forgotten.\n' });
    expect(book.settled.map(({ generationId }) => generationId)).toEqual(['g-1', 'g-2', 'g-3']);
    expect(JSON.parse((await run('usage', 'clear', '--before', '1h', '-y', '--json')).stdout)).toEqual({});
  });

  it.runIf(hasTerminal).each([['y', 0], ['n', 1], ['', 1]])('asks at a terminal, and takes %j as that', async (typed, left) => {
    const book = memoryBook();
    book.settle(old);
    const { path, variables } = await homeOf(book);
    const child = spawnOnTerminal(path, ['usage', 'clear', '--before', '2026-02-01'], { variables });
    const out = listen(child.stdout);
    expect(plain(await out.until('[y/N]'))).toContain('before 2026-02-01 00:00:00');
    child.stdin.write(`${typed}\n`);
    await new Promise((resolve) => child.once('exit', resolve));
    expect(book.settled).toHaveLength(left);
  });
});
