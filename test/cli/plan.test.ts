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
});
