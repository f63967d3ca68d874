import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PRESETS } from '../../src/presets.ts';
import { temporaryHome } from '../daemon/test-daemon.ts';
import { keyed, keyedHome } from './keyed-home.ts';
import { hasTerminal, listen, runTollgate, spawnOnTerminal } from './run-tollgate.ts';

describe('tollgate config', () => {
  it('sets one place, in the file and in the daemon, and takes it out again', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const file = join(home, 'config', 'config.json');
    expect(await runTollgate(home, ['config', 'set', 'aliases.fast', '["acme/m"]'])).toEqual({ code: 0, stdout: 'aliases.fast = ["acme/m"]\n', stderr: '' });
    expect((await runTollgate(home, ['config', 'set', 'default_model', 'fast'])).stdout).toBe('default_model = "fast"\n');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ aliases: { fast: ['acme/m'] }, default_model: 'fast' });
    const show = await runTollgate(home, ['config', 'show']);
    expect([JSON.parse(show.stdout), show.stderr]).toEqual([JSON.parse(readFileSync(file, 'utf8')), `${file}\n`]);
    expect((await runTollgate(home, ['config', 'unset', 'default_model'])).stdout).toBe('default_model is unset: its default holds.\n');
    expect(JSON.parse(readFileSync(file, 'utf8'))).not.toHaveProperty('default_model');
    const json: { path: string; config_json: string } = JSON.parse((await runTollgate(home, ['config', 'show', '--json'])).stdout);
    expect([json.path, JSON.parse(json.config_json)]).toEqual([file, JSON.parse(readFileSync(file, 'utf8'))]);
  });

  it('takes names with dots in backticks', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const set = await runTollgate(home, ['config', 'set', 'providers.`my.acme`', '{"type":"acme","base_url":"http://127.0.0.1:1/v1"}']);
    expect(set).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse((await runTollgate(home, ['config', 'show'])).stdout)).toMatchObject({ providers: { 'my.acme': { type: 'acme' } } });
  });

  it('changes nothing for what may not stand there, and says what waits for a restart', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const before = (await runTollgate(home, ['config', 'show'])).stdout;
    for (const [args, code] of [[['set', 'routing.nonsense', '1'], 1], [['set', 'routing.max_attempts', 'many'], 1], [['set', 'a..b', '1'], 2], [['unset', ''], 2]] as const) {
      const run = await runTollgate(home, ['config', ...args]);
      expect([args, run.code, run.stdout]).toEqual([args, code, '']);
    }
    expect((await runTollgate(home, ['config', 'show'])).stdout).toBe(before);
    expect((await runTollgate(home, ['config', 'set', 'limits.max_request_bytes', '2000000'])).stderr).toContain('It waits for a restart');
  });

  it('writes a preset after showing it, and not without a yes', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const file = join(home, 'config', 'config.json');
    const before = readFileSync(file, 'utf8');
    const unasked = await runTollgate(home, ['config', 'preset', 'parity']);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    expect(JSON.parse(unasked.stdout)).toMatchObject({ tiers: { free: { requests: { month: 10 } } } });
    expect(await runTollgate(home, ['config', 'preset', 'nonsense', '--yes'])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('parity') });
    expect(readFileSync(file, 'utf8')).toBe(before);

    const written = await runTollgate(home, ['config', 'preset', 'parity', '--yes']);
    expect(written).toMatchObject({ code: 0, stderr: '' });
    expect(written.stdout).toMatch(/^\{\n {2}"tiers"[^]*\n\}\nThe preset parity is written: tiers\.\n$/);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ ...JSON.parse(before), ...PRESETS.parity });
  });

  it.runIf(hasTerminal).each([['n', false], ['y', true]] as const)('asks at a terminal, and "%s" is taken at its word', async (answer, isWritten) => {
    const { home } = await keyedHome([keyed('acme')]);
    const child = spawnOnTerminal(home, ['config', 'preset', 'parity']);
    const { until } = listen(child.stdout);
    await until('[y/N]');
    child.stdin.write(`${answer}\r`);
    await until(isWritten ? 'is written' : 'Nothing was written');
    expect(Object.hasOwn(JSON.parse(readFileSync(join(home, 'config', 'config.json'), 'utf8')), 'tiers')).toBe(isWritten);
  });

  it('says where the file is without a daemon, and refuses a key on the command line', async () => {
    const home = temporaryHome();
    expect(await runTollgate(home, ['config', 'path'])).toEqual({ code: 0, stdout: `${join(home, 'config', 'config.json')}\n`, stderr: '' });
    expect((await runTollgate(home, ['config', 'show', '--json'])).code).toBe(3);
    const key = await runTollgate(home, ['config', 'set', 'providers.acme.key', 'sk-canary-4f8a1c7e92']);
    expect([key.code, key.stderr]).toEqual([2, expect.not.stringContaining('canary')]);
  });
});
