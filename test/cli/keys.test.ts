import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { keyed, keyedHome, accountSetting, goodKey, otherKey, refusedKey } from './keyed-home.ts';
import { ended, hasTerminal, listen, type Run, runTollgate, spawnOnTerminal, spawnTollgate } from './run-tollgate.ts';

const say = ['generate', 'hi', '-q', '-m', 'acme/m'];

function expectNoKey(...runs: readonly Run[]): void {
  for (const key of [goodKey, otherKey, refusedKey]) {
    for (const { stdout, stderr } of runs) expect(`${stdout}${stderr}`).not.toContain(key.slice(0, 14));
  }
}

describe('tollgate keys set', () => {
  it('reads the key from standard input, and the daemon uses it at once', async () => {
    const provider = keyed('acme');
    const { home } = await keyedHome([provider]);
    const set = await runTollgate(home, ['keys', 'set', 'acme'], { stdin: `  ${goodKey}\n` });
    expect([set.code, set.stdout]).toEqual([0, 'acme: the key …WXYZ is good, says acme. It is stored and used from now on.\n']);
    expect(set.stderr).toContain('Keys are kept in the encrypted file ');
    expect((await runTollgate(home, say)).stdout).toBe('hello\n');
    expect(provider.requests[0]?.key).toBe(goodKey);
    const list = await runTollgate(home, ['keys', 'list']);
    expect(list.stdout).toMatch(/^PROVIDER {2}LABEL {2}STATE {7}SOURCE {10}HINT {3}LAST CHECK\nacme {13}configured {2}encrypted file {2}…WXYZ {2}\d{4}-\d\d-\d\d \d\d:\d\d\n$/);
    expectNoKey(set, list);
  });

  it('keeps several keys of a provider, by label', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    const { stdout } = await runTollgate(home, ['keys', 'set', 'acme', '--label', 'work', '--no-check'], { stdin: otherKey });
    expect(stdout).toBe('acme (work): the key …QRST is stored and used from now on. It was not checked.\n');
    expect((await runTollgate(home, ['keys', 'list'])).stdout).toMatch(/\nacme {8,}configured .*…WXYZ.*\nacme +work +configured .*…QRST {2}never\n$/);
  });

  it('stores nothing that the provider refuses', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const set = await runTollgate(home, ['keys', 'set', 'acme'], { stdin: refusedKey });
    expect([set.code, set.stdout, set.stderr]).toEqual([1, '', expect.stringContaining('(KEY_REJECTED)')]);
    const list = await runTollgate(home, ['keys', 'list']);
    expect([list.code, list.stdout, list.stderr]).toEqual([0, '', expect.stringContaining('no key yet')]);
    expectNoKey(set);
  });

  it.each([
    ['nothing', '', 'There is no key.'], ['two lines', `${goodKey}\n${otherKey}\n`, 'not one key'], ['more than a key can have', 'x'.repeat(70_000), 'more than 65536 bytes'],
  ])('takes no key from %s', async (_what, stdin, problem) => {
    const { home } = await keyedHome([keyed('acme')]);
    const set = await runTollgate(home, ['keys', 'set', 'acme'], { stdin });
    expect([set.code, set.stdout, set.stderr]).toEqual([2, '', expect.stringContaining(problem)]);
    expectNoKey(set);
  });

  it.each([
    ['in the place of the provider', [goodKey]], ['after the provider', ['acme', goodKey]], ['as any other word', ['acme', 'tell-nobody']], ['as an option', ['acme', '--key', 'tell-nobody']],
    ['as an option that nobody knows', ['acme', `--keyy=${goodKey}`]], ['as a label', ['acme', '--label', '0123456789abcdef0123456789abcdef']], ['as a setting', ['acme', '--setting', `api_key=tell-nobody`]],
  ])('refuses a key on the command line %s, without repeating it', async (_where, args) => {
    const { home } = await keyedHome([keyed('acme')]);
    const set = await runTollgate(home, ['keys', 'set', ...args], { stdin: goodKey });
    expect([set.code, set.stdout, set.stderr]).toEqual([2, '', expect.stringMatching(/never goes on the command line[^]*replace it at the provider/)]);
    expect(set.stderr).not.toMatch(/tell-nobody|0123456789/);
    expectNoKey(set);
    expect((await runTollgate(home, ['keys', 'list'])).stdout).toBe('');
  });

  it('sets settings alone, and leaves the key as it is', async () => {
    const { home } = await keyedHome([keyed('acme', accountSetting)]);
    const both = await runTollgate(home, ['keys', 'set', 'acme', '--setting', 'account_id=0123456789abcdef0123456789abcdef'], { stdin: goodKey });
    expect([both.code, both.stdout]).toEqual([0, expect.stringContaining('is good')]);
    const alone = await runTollgate(home, ['keys', 'set', 'acme', '--setting', 'account_id=9'], { stdin: '' });
    expect([alone.code, alone.stdout]).toEqual([0, 'acme: account_id set; the key was left as it is.\n']);
    expect(JSON.parse((await runTollgate(home, ['keys', 'list', '--json'])).stdout)).toMatchObject({ providers: [{ settings: { account_id: '9' }, keys: [{ hint: 'WXYZ' }] }] });
  });

  it('says before it asks that a provider has no address yet', async () => {
    const { home } = await keyedHome([keyed('acme', { defaultBaseUrl: '' })]);
    const { code, stderr } = await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    expect([code, stderr]).toEqual([1, expect.stringContaining('tollgate config set providers.acme.base_url <url>')]);
  });

  it('says which variable of the environment a stored key stands before', async () => {
    const { home } = await keyedHome([keyed('acme')], { ACME_API_KEY: otherKey });
    expect((await runTollgate(home, ['keys', 'list'])).stdout).toMatch(/configured {2}environment ACME_API_KEY {2}…QRST {2}never\n/);
    const set = await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    expect(set.stderr).toContain('It is used instead of ACME_API_KEY.');
    expectNoKey(set);
  });

  it('has the key in no argument while it runs', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const child = spawnTollgate(home, ['keys', 'set', 'acme']);
    const run = ended(child);
    child.stdin.write(goodKey.slice(0, 5));
    const arguments_ = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8') + readFileSync(`/proc/${child.pid}/environ`, 'utf8');
    child.stdin.end(goodKey.slice(5));
    expect((await run).code).toBe(0);
    expect(arguments_).not.toContain('canary');
  });

  it.runIf(hasTerminal)('asks at a terminal for what is missing, and does not show the key', async () => {
    const { home } = await keyedHome([keyed('acme', accountSetting)]);
    const child = spawnOnTerminal(home, ['keys', 'set', 'acme']);
    const exit = once(child, 'exit');
    const { until, heard } = listen(child.stdout);
    await until('account_id: The id of the account.');
    await until('account_id> ');
    child.stdin.write('0123\r');
    await until('Key for acme, not shown: ');
    child.stdin.write(`${goodKey}\r`);
    expect(await exit).toEqual([0, null]);
    expect(heard()).toContain('acme: the key …WXYZ is good');
    expect(heard()).not.toContain('canary');
    expect(JSON.parse((await runTollgate(home, ['keys', 'list', '--json'])).stdout)).toMatchObject({ providers: [{ settings: { account_id: '0123' } }] });
  });

  it.runIf(hasTerminal)('stores nothing after Ctrl-C', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const child = spawnOnTerminal(home, ['keys', 'set', 'acme']);
    const exit = once(child, 'exit');
    await listen(child.stdout).until('not shown: ');
    child.stdin.write(`${goodKey}\u0003`);
    expect(await exit).toEqual([130, null]);
    expect((await runTollgate(home, ['keys', 'list'])).stdout).toBe('');
  });
});

describe('tollgate keys list', () => {
  it('shows with --all who needs a key, and with which variable', async () => {
    const { home } = await keyedHome([keyed('acme'), keyed('bigco', accountSetting)]);
    const { stdout } = await runTollgate(home, ['keys', 'list', '--all']);
    expect(stdout).toMatch(/\nacme +missing +\(ACME_API_KEY\)\nbigco +missing, needs account_id +\(BIGCO_API_KEY\)\n$/);
  });

  it('prints canonical JSON with --json', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    const { stdout, stderr } = await runTollgate(home, ['keys', 'list', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      providers: [{ name: 'acme', kind: 'KIND_BUILT_IN', keys: [{ state: 'KEY_STATE_CONFIGURED', source: 'KEY_SOURCE_ENCRYPTED_FILE', hint: 'WXYZ', last_checked: expect.stringMatching(/Z$/) }] }],
      key_store: { source: 'KEY_SOURCE_ENCRYPTED_FILE', description: expect.stringContaining('keys.age') },
    });
    expect(stderr).toBe('');
  });
});

describe('tollgate keys rm', () => {
  it('removes a key with --yes, which is gone when it says so', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    const unasked = await runTollgate(home, ['keys', 'rm', 'acme']);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    expect((await runTollgate(home, say)).code).toBe(0);
    expect(await runTollgate(home, ['keys', 'rm', 'acme', '--yes'])).toEqual({ code: 0, stdout: 'acme: the key is removed. It has no key now.\n', stderr: '' });
    expect((await runTollgate(home, say)).stderr).toContain('(KEY_MISSING)');
    const again = await runTollgate(home, ['keys', 'rm', 'acme', '--yes', '--label', 'work']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('(KEY_MISSING)')]);
  });

  it('removes a key of a provider that left the config', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    await runTollgate(home, ['config', 'set', 'providers.second.type', 'acme']);
    await runTollgate(home, ['keys', 'set', 'second'], { stdin: goodKey });
    expect((await runTollgate(home, ['config', 'unset', 'providers.second'])).code).toBe(0);
    expect(await runTollgate(home, ['keys', 'rm', 'second', '--yes'])).toEqual({ code: 0, stdout: 'second: the key is removed. The config has no such provider.\n', stderr: '' });
    const again = await runTollgate(home, ['keys', 'rm', 'second', '--yes']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('(PROVIDER_NOT_FOUND)')]);
  });

  it.runIf(hasTerminal)('asks at a terminal, and takes only a yes for one', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    for (const [answer, code] of [['', 1], ['no', 1], ['y', 0]] as const) {
      const child = spawnOnTerminal(home, ['keys', 'rm', 'acme']);
      const exit = once(child, 'exit');
      await listen(child.stdout).until('Remove the key …WXYZ of acme from the encrypted file? [y/N] ');
      child.stdin.write(`${answer}\r`);
      expect(await exit).toEqual([code, null]);
    }
    expect((await runTollgate(home, ['keys', 'list'])).stdout).toBe('');
  });
});

describe('tollgate keys test', () => {
  it('asks about all keys, and ends with 1 when one is refused', async () => {
    const { home } = await keyedHome([keyed('acme'), keyed('bigco')]);
    await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    expect((await runTollgate(home, ['keys', 'test'])).code).toBe(0);
    await runTollgate(home, ['keys', 'set', 'bigco', '--no-check'], { stdin: refusedKey });
    const all = await runTollgate(home, ['keys', 'test']);
    expect(all.code).toBe(1);
    expect(all.stdout).toBe([
      'PROVIDER  LABEL  VERDICT  CHECKED WITH    SAYS', 'acme             valid    GET /v1/models', 'bigco            invalid  GET /v1/models  Unknown key. (KEY_REJECTED)', '',
    ].join('\n'));
    const json = await runTollgate(home, ['keys', 'test', 'bigco', '--json']);
    expect([json.code, JSON.parse(json.stdout)]).toEqual([1, {
      provider: 'bigco', label: '', verdict: 'VERDICT_INVALID', reason: 'KEY_REJECTED', message: 'Unknown key.', checked_with: 'GET /v1/models',
    }]);
    expect((await runTollgate(home, ['keys', 'test', 'acme'])).code).toBe(0);
    expect((await runTollgate(home, ['keys', 'list'])).stdout).toMatch(/\nbigco +rejected /);
    expectNoKey(all, json);
  });

  it('says that there is no key', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const [all, one] = [await runTollgate(home, ['keys', 'test']), await runTollgate(home, ['keys', 'test', 'acme'])];
    expect([all.code, all.stderr]).toEqual([1, expect.stringContaining('There is no key to test.')]);
    expect([one.code, one.stderr]).toEqual([1, expect.stringContaining('(KEY_MISSING)')]);
  });
});

describe('tollgate keys lock and unlock', () => {
  it('refuses what needs a key until the keys are unlocked', async () => {
    const { home } = await keyedHome([keyed('acme')]);
    await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    expect((await runTollgate(home, ['keys', 'lock'])).stdout).toBe('Locked: the daemon has forgotten every key.\n');
    const locked = await runTollgate(home, say);
    expect([locked.code, locked.stderr]).toEqual([1, expect.stringContaining('(KEYS_LOCKED)')]);
    expect((await runTollgate(home, ['keys', 'list'])).stderr).toContain('is locked');
    expect((await runTollgate(home, ['keys', 'unlock'])).stdout).toBe('Unlocked: the keys are in use.\n');
    expect((await runTollgate(home, say)).stdout).toBe('hello\n');
  });

  it('gives a store without keys a passphrase, and asks for it from then on', { timeout: 60_000 }, async () => {
    const { home } = await keyedHome([keyed('acme')]);
    const first = await runTollgate(home, ['keys', 'unlock', '--passphrase'], { stdin: 'correct horse\n' });
    expect([first.code, first.stdout]).toEqual([0, 'Unlocked: the keys are in use.\n']);
    await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    await runTollgate(home, ['keys', 'lock']);
    const wrong = await runTollgate(home, ['keys', 'unlock'], { stdin: 'battery staple\n' });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('(KEYS_LOCKED)')]);
    const none = await runTollgate(home, ['keys', 'unlock']);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('There is no passphrase.')]);
    expect((await runTollgate(home, ['keys', 'unlock'], { stdin: 'correct horse\n' })).code).toBe(0);
    expect((await runTollgate(home, say)).stdout).toBe('hello\n');
    expect(JSON.stringify([first, wrong])).not.toMatch(/horse|staple/);
  });

  it.runIf(hasTerminal)('asks twice for a new passphrase at a terminal, and shows none', { timeout: 60_000 }, async () => {
    const { home } = await keyedHome([keyed('acme')]);
    for (const [second, code] of [['another horse', 2], ['correct horse', 0]] as const) {
      const child = spawnOnTerminal(home, ['keys', 'unlock', '--passphrase']);
      const exit = once(child, 'exit');
      const { until, heard } = listen(child.stdout);
      await until('New passphrase, not shown: ');
      child.stdin.write('correct horse\r');
      await until('Once more: ');
      child.stdin.write(`${second}\r`);
      expect(await exit).toEqual([code, null]);
      expect(heard()).not.toContain('horse');
    }
  });
});

describe('the completion of a shell', () => {
  it('knows the verbs of keys and config, and their options', async () => {
    const { home } = await keyedHome([]);
    const words = async (...line: string[]): Promise<string> => (await runTollgate(home, ['complete', '--', ...line])).stdout;
    expect(await words('keys', '')).toMatch(/^list\t[^]*^set\t[^]*^rm\t[^]*^test\t[^]*^import\t[^]*^lock\t[^]*^unlock\t/m);
    expect(await words('config', '')).toMatch(/^show\t[^]*^set\t[^]*^unset\t[^]*^path\t/m);
    expect(await words('keys', 'import', '--')).toMatch(/^--from\t[^]*^--wipe\t[^]*^--no-wipe\t/m);
  });
});
