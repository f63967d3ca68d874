import { describe, expect, it } from 'vitest';
import { hello, scriptedProvider } from '../daemon/scripted-provider.ts';
import { goodKey, keyed, keyedHome, otherKey } from './keyed-home.ts';
import { runTollgate } from './run-tollgate.ts';

describe('tollgate plan', () => {
  it('shows whom a prompt would be sent to, why others are passed over, and the most it can cost', async () => {
    const [acme, zeta, here] = [keyed('acme'), keyed('zeta'), scriptedProvider('here', hello)];
    const { home } = await keyedHome([acme, zeta, here], { ACME_API_KEY: goodKey });
    await runTollgate(home, ['config', 'set', 'aliases', '{"fast":["acme/m","zeta/m","here/m"]}']);
    await runTollgate(home, ['config', 'set', 'prices', '{"acme/m":{"input":"0","output":"10"}}']);
    const table = await runTollgate(home, ['plan', 'hello', 'there', '--model', 'fast', '--max-output-tokens', '1000']);
    expect(table).toMatchObject({ code: 0, stderr: '' });
    const lines = table.stdout.split('\n');
    expect(lines[0]).toMatch(/^#\s+MODEL\s+KEY\s+BECAUSE\s+AT MOST\s+PASSED OVER$/);
    expect(lines[1]).toMatch(/^1\s+acme\/m\s+alias\s+\$0\.01$/);
    expect(lines[2]).toMatch(/^-\s+zeta\/m\s+alias\s+unknown\s+.*ZETA_API_KEY.*\(KEY_MISSING\)$/);
    expect(lines[3]).toMatch(/^2\s+here\/m\s+alias\s+free$/);

    const json = await runTollgate(home, ['plan', '-m', 'fast', '--max-output-tokens', '1000', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      attempts: [
        { provider: 'acme', model: 'm', cost: { high_pico_usd: '10000000000', provenance: 'PROVENANCE_ESTIMATED' }, because: 'alias' },
        { provider: 'zeta', model: 'm', reason: 'KEY_MISSING', cost: { provenance: 'PROVENANCE_UNKNOWN' } },
        { provider: 'here', cost: { high_pico_usd: '0', provenance: 'PROVENANCE_FREE' } },
      ],
    });
    expect([acme, zeta, here].flatMap(({ requests }) => requests)).toEqual([]);
  });

  it('shows the further keys of a provider as such', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    for (const [key, more] of [[goodKey, []], [otherKey, ['--label', 'work']]] as const) await runTollgate(home, ['keys', 'set', 'acme', ...more], { stdin: key });
    const { attempts }: { attempts: readonly object[] } = JSON.parse((await runTollgate(home, ['plan', '-m', 'acme/m', '--json'])).stdout);
    expect(attempts).toEqual([expect.objectContaining({ provider: 'acme', because: 'asked' }), expect.objectContaining({ provider: 'acme', key_label: 'work', because: 'key' })]);
  });

  it('says so when nobody would be asked, and refuses a model that nobody has', async () => {
    const { home } = await keyedHome([keyed('zeta')]);
    expect(await runTollgate(home, ['plan', '-m', 'zeta/m'])).toMatchObject({ code: 0, stdout: expect.stringContaining('KEY_MISSING'), stderr: expect.stringContaining('Nobody would be asked.') });
    expect(await runTollgate(home, ['plan', '-m', 'nobody/m'])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('PROVIDER_NOT_FOUND') });
  });

  it('shows what does not fit, what the limits do not allow, and what the call would hold of them', async () => {
    const small = scriptedProvider('small', hello, { models: [{ model: 'm', displayName: '', contextWindow: 4096n, inputModalities: [], capabilities: [], refuses: [] }] });
    const [dear, here] = [keyed('dear'), scriptedProvider('here', hello)];
    const { home } = await keyedHome([small, dear, here], { DEAR_API_KEY: goodKey });
    await runTollgate(home, ['config', 'set', 'aliases', '{"fast":["small/m","dear/m","here/m"]}']);
    await runTollgate(home, ['config', 'set', 'prices', '{"dear/m":{"input":"0","output":"1000000"}}']);
    await runTollgate(home, ['config', 'set', 'tiers', '{"admin":{"requests":{"day":9},"usd":{"month":"1"}}}']);
    const prompt = 'reading material '.repeat(4000);
    const { stdout } = await runTollgate(home, ['plan', prompt, '--model', 'fast', '--max-output-tokens', '100']);
    expect(stdout).toMatch(/^- +small\/m +alias +free +small\/m reads 4096 tokens, and this request has at least 8000: .*\(NO_CANDIDATE_FITS\)$/m);
    expect(stdout).toMatch(/^- +dear\/m +alias +\$100\.00 +.*US dollars per month: \$0\.00 of \$1\.00 used; this call may come to \$100\.00.*\(BUDGET_EXCEEDED\)$/m);
    expect(stdout).toMatch(/^1 +here\/m +alias +free$/m);
    expect(stdout).toMatch(/^While it runs, of your limits:\nrequests per day .* 0 of 9, 1 held/m);
    const { windows_after: windows }: { windows_after: readonly object[] } = JSON.parse((await runTollgate(home, ['plan', '-m', 'fast', '--json'])).stdout);
    expect(windows).toEqual([expect.objectContaining({ unit: 'requests', reserved: '1' }), expect.objectContaining({ unit: 'pico_usd', limit: '1000000000000' })]);

    expect((await runTollgate(home, ['generate', prompt, '--model', 'fast', '--max-output-tokens', '100'])).stdout).toContain('hello');
    const told = await runTollgate(home, ['why']);
    expect(told.stdout).toMatch(/small\/m: skipped\n.*reads 4096 tokens.*NO_CANDIDATE_FITS[^]*dear\/m: skipped\n.*BUDGET_EXCEEDED[^]*here\/m: succeeded/);
    expect([small.requests.length, dear.requests.length]).toEqual([0, 0]);
  });
});
