import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { adminDaemon } from '../daemon/admin-daemon.ts';
import { publishedList } from '../daemon/usage/price-list-data.ts';
import { mockUpstream, type MockUpstream } from '../mock-upstream.ts';
import { runTollgate, type Run } from './run-tollgate.ts';

/** A daemon with its command line, and the address where its price list is published. */
async function scene(): Promise<{ readonly home: string; readonly upstream: MockUpstream; readonly run: (...args: readonly string[]) => Promise<Run> }> {
  const upstream = await mockUpstream();
  onTestFinished(() => upstream.close());
  const { home } = await adminDaemon({ config: { price_list_url: `${upstream.url}/data.json` } });
  return { home, upstream, run: (...args) => runTollgate(home, args, { variables: { TZ: 'UTC' } }) };
}

const fieldsOf = (stdout: string): Record<string, string> => Object.fromEntries(stdout.split('\n').map((line) => line.split(/ {2,}/)));

describe('tollgate prices', { timeout: 20_000 }, () => {
  it('without a model says which list is in force, where it is from, and how much it holds', async () => {
    const { run, upstream } = await scene();
    const { code, stdout } = await run('prices');
    expect(code).toBe(0);
    expect(fieldsOf(stdout)).toMatchObject({ 'price list': expect.stringMatching(/^genai-prices \d+\.\d+\.\d+$/), from: 'ships with Tollgate, released 2026-09-23', holds: expect.stringMatching(/^1,\d{3} models of \d+ providers$/) });
    expect(stdout).toContain('Nothing is fetched but by `tollgate prices update`.');
    expect(JSON.parse((await run('prices', '--json')).stdout)).toMatchObject({ price_list: { source: 'SOURCE_BUNDLED' } });
    expect(upstream.requests).toHaveLength(0);
  });

  it('update lets the daemon fetch the list, reset goes back', async () => {
    const { run, upstream } = await scene();
    upstream.answer({ body: await publishedList(3) });
    const first = await run('prices', 'update');
    expect([first.code, first.stdout]).toEqual([0, expect.stringMatching(/^genai-prices \d{4}-\d{2}-\d{2} sha:[0-9a-f]{12} is in force: 1,\d{3} models of \d+ providers\. Before: genai-prices \d+\.\d+\.\d+\.\nWhat was recorded keeps its cost\.\n$/)]);
    expect((await run('prices', 'update')).stdout).toMatch(/was in force already .*: nothing has changed/);
    expect(upstream.requests).toHaveLength(2);
    expect(fieldsOf((await run('prices')).stdout)['from']).toMatch(new RegExp(`^fetched \\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2} from ${upstream.url}/data\\.json$`));
    expect((await run('prices', 'openai/gpt-4o')).stdout).toMatch(/in the price list genai-prices \d{4}-\d{2}-\d{2} sha:[0-9a-f]{12}\ninput +\$3\.00 per million/);
    expect((await run('prices', 'reset')).stdout).toMatch(/^genai-prices \d+\.\d+\.\d+ is in force.*Before: genai-prices \d{4}-/);
    expect(JSON.parse((await run('prices', 'update', '--json')).stdout)).toMatchObject({ price_list: { source: 'SOURCE_FETCHED' }, previous: { source: 'SOURCE_BUNDLED' } });
  });

  it('update takes a file or standard input on a machine without network', async () => {
    const { run, home, upstream } = await scene();
    const file = join(home, 'data.json');
    writeFileSync(file, await publishedList(4));
    expect((await run('prices', 'update', '--file', file)).code).toBe(0);
    expect(fieldsOf((await run('prices')).stdout)['from']).toMatch(/^given as a file \d{4}-/);
    const piped = await runTollgate(home, ['prices', 'update', '--file', '-'], { stdin: await publishedList(5) });
    expect(piped.code).toBe(0);
    expect((await run('prices', 'openai/gpt-4o')).stdout).toMatch(/\ninput +\$5\.00 per million/);
    expect(upstream.requests).toHaveLength(0);
  });

  it('update says whose fault it is, and what to do', async () => {
    const { run, home, upstream } = await scene();
    upstream.answer({ status: 503, body: 'busy' });
    const busy = await run('prices', 'update');
    expect([busy.code, busy.stdout]).toEqual([1, '']);
    expect(busy.stderr).toMatch(/price list at http:\S+ \(price_list_url\) cannot be fetched: HTTP 503\. Nothing has changed\. `tollgate prices update --file <file>`.*\(PRICE_LIST_UNAVAILABLE\)/);
    expect(await run('prices', 'update', '--file', join(home, 'none.json'))).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no file') });
    const file = join(home, 'data.json');
    writeFileSync(file, '');
    expect((await run('prices', 'update', '--file', file)).stderr).toContain('is empty: it holds no price list');
    writeFileSync(file, await publishedList(1, (providers) => void providers.splice(2)));
    expect((await run('prices', 'update', '--file', file)).stderr).toMatch(/has \d+ models of 2 providers, the list that ships has .* add --allow-fewer/);
    expect((await run('prices', 'update', '--file', file, '--allow-fewer')).code).toBe(0);
    writeFileSync(file, Buffer.alloc(16 * 1024 * 1024 + 1, ' '));
    expect((await run('prices', 'update', '--file', file)).stderr).toContain('is longer than 16777216 bytes');
  });
});
