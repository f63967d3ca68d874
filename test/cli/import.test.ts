import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { accountSetting, goodKey, keyed, keyedHome, otherKey, refusedKey } from './keyed-home.ts';
import { hasTerminal, listen, type Run, runTollgate, spawnOnTerminal } from './run-tollgate.ts';

interface Files {
  readonly home: string;
  readonly work: string;
  readonly read: (name: string) => string;
}

/** A home whose folder `work` holds these files, and whose old app left these. */
async function homeWith(files: Readonly<Record<string, string>>, oldApp: Readonly<Record<string, string>> = {}): Promise<Files> {
  const { home } = await keyedHome([keyed('acme'), keyed('bigco', accountSetting)]);
  const work = join(home, 'work');
  mkdirSync(work);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(work, name), text);
  for (const [name, text] of Object.entries(oldApp)) {
    mkdirSync(join(home, '.humanizer', name, '..'), { recursive: true });
    writeFileSync(join(home, '.humanizer', name), text);
  }
  return { home, work, read: (name) => readFileSync(join(work, name), 'utf8') };
}

async function stored(home: string): Promise<string[]> {
  const { providers }: { providers: { name: string; keys: { hint?: string }[] }[] } = JSON.parse((await runTollgate(home, ['keys', 'list', '--json'])).stdout);
  return providers.flatMap(({ name, keys }) => keys.flatMap(({ hint }) => (hint === undefined ? [] : [`${name} ${hint}`])));
}

function expectNoKey(...runs: readonly Run[]): void {
  for (const { stdout, stderr } of runs) expect(`${stdout}${stderr}`).not.toMatch(/canary|refused-77/);
}

describe('tollgate keys import', () => {
  it("stores what it finds in the environment, the old app's file and .env files, and empties the files when it is told to", async () => {
    const oldConfig = join('config', 'ai-config.json');
    const { home, work, read } = await homeWith({ '.env': `# mine\nBIGCO_API_KEY="${otherKey}" # key\nBIGCO_ACCOUNT_ID=0123\nX=1\n` }, { [oldConfig]: `{ "apiKeys": {"acme": "${goodKey}"}, "n": 1.0 }` });
    const run = await runTollgate(home, ['keys', 'import', '--yes', '--wipe'], { cwd: work, variables: { ACME_API_KEY: goodKey } });
    expect([run.code, run.stderr]).toEqual([0, expect.stringContaining('ACME_API_KEY is still set in your shell')]);
    expect(run.stdout).toMatch(/^PROVIDER +KEY +NAME +WHERE\nacme +…WXYZ +ACME_API_KEY +environment\nacme +…WXYZ +apiKeys\.acme +~\/\.humanizer\/config\/ai-config\.json\nbigco +…QRST +BIGCO_API_KEY +\.env\n/);
    expect(run.stdout).toContain('bigco: …QRST from .env is good and stored. account_id = 0123.\n');
    expect(await stored(home)).toEqual(['acme WXYZ', 'bigco QRST']);
    expect(read('.env')).toBe('# mine\nBIGCO_API_KEY="" # key\nBIGCO_ACCOUNT_ID=0123\nX=1\n');
    expect(readFileSync(join(home, '.humanizer', oldConfig), 'utf8')).toBe('{ "apiKeys": {"acme": ""}, "n": 1.0 }');
    expectNoKey(run);
  });

  it('only shows what it found where nobody can be asked', async () => {
    const text = `ACME_API_KEY=${goodKey}\n`;
    const { home, work, read } = await homeWith({ '.env.local': text });
    const run = await runTollgate(home, ['keys', 'import'], { cwd: work });
    expect([run.code, run.stdout, run.stderr]).toEqual([2, expect.stringMatching(/\nacme +…WXYZ +ACME_API_KEY +\.env\.local\n$/), expect.stringContaining('--yes')]);
    expect([await stored(home), read('.env.local')]).toEqual([[], text]);
    expectNoKey(run);
  });

  it('leaves the plaintext when nobody says otherwise, and says so', async () => {
    const text = `ACME_API_KEY=${goodKey}\n`;
    const { home, work, read } = await homeWith({ '.env': text });
    const run = await runTollgate(home, ['keys', 'import', '--yes'], { cwd: work });
    expect([run.code, run.stderr, read('.env')]).toEqual([0, expect.stringContaining('.env still holds what was stored; --wipe empties it.'), text]);
  });

  it('leaves out another key than the one that is stored, and a second one of the same provider', async () => {
    const text = `ACME_API_KEY=${otherKey}\nBIGCO_API_KEY=${goodKey}\nBIGCO_KEY=${otherKey}\n`;
    const { home, work, read } = await homeWith({ 'a.env': text });
    await runTollgate(home, ['keys', 'set', 'acme'], { stdin: goodKey });
    const run = await runTollgate(home, ['keys', 'import', '--yes', '--wipe', '--no-check', '--from', 'a.env'], { cwd: work });
    expect(run.stdout).toMatch(/acme +…QRST +ACME_API_KEY +a\.env +left out: …WXYZ is stored\n/);
    expect([run.code, await stored(home)]).toEqual([0, ['acme WXYZ', 'bigco WXYZ']]);
    expect(run.stdout).toContain('a.env: emptied of what was stored.');
    expect(run.stderr).toContain('a.env still holds 2 keys that were not stored: ACME_API_KEY, BIGCO_KEY.');
    expect(read('a.env')).toBe(`ACME_API_KEY=${otherKey}\nBIGCO_API_KEY=""\nBIGCO_KEY=${otherKey}\n`);
  });

  it('goes on after a key that its provider refuses, does not wipe that one, and ends with 1', async () => {
    const { home, work, read } = await homeWith({ '.env': `ACME_API_KEY=${refusedKey}\nBIGCO_API_KEY=${goodKey}\nBIGCO_ACCOUNT_ID=1\n` });
    const run = await runTollgate(home, ['keys', 'import', '--yes', '--wipe'], { cwd: work });
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining('ACME_API_KEY of .env was not stored: ')]);
    expect([await stored(home), read('.env')]).toEqual([['bigco WXYZ'], `ACME_API_KEY=${refusedKey}\nBIGCO_API_KEY=""\nBIGCO_ACCOUNT_ID=1\n`]);
    expectNoKey(run);
  });

  it('says what is encrypted, and reads only the files that it is told', async () => {
    const { home, work } = await homeWith(
      { 'x.json': `{"acmeApiKey": "djEwAbCdEfGhIjKlMnOp"}`, 'bad.json': `{"acmeApiKey": "${goodKey}"` },
      { [join('secure', 'api-keys.enc.json')]: '{}' },
    );
    const usual = await runTollgate(home, ['keys', 'import'], { cwd: work });
    expect([usual.code, usual.stderr]).toEqual([0, expect.stringMatching(/api-keys\.enc\.json is encrypted for the desktop app and cannot be read outside of it[^]*no key was found in environment/)]);
    const named = await runTollgate(home, ['keys', 'import', '--from', 'x.json'], { cwd: work });
    expect([named.code, named.stdout]).toEqual([0, expect.stringMatching(/acmeApiKey +x\.json +encrypted: not readable outside the app that wrote it\n$/)]);
    const bad = await runTollgate(home, ['keys', 'import', '--from', 'bad.json'], { cwd: work });
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('bad.json is not valid JSON')]);
    expect((await runTollgate(home, ['keys', 'import', '--from', 'none.env'], { cwd: work })).code).toBe(2);
    expectNoKey(usual, named, bad);
  });

  it('goes on after a file that cannot be emptied, says which, and ends with 1', async () => {
    const { home, work, read } = await homeWith({ 'a.env': `ACME_API_KEY=${goodKey}\n`, 'b.env': `BIGCO_API_KEY=${otherKey}\nBIGCO_ACCOUNT_ID=1\n` });
    // Somebody else's file where we may give one away, else one that may only be read.
    if (process.getuid?.() === 0) chownSync(join(work, 'a.env'), 1, 1);
    else chmodSync(join(work, 'a.env'), 0o400);
    const run = await runTollgate(home, ['keys', 'import', '--yes', '--wipe', '--from', 'a.env', '--from', 'b.env'], { cwd: work });
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining('a.env was not emptied. ')]);
    expect([read('a.env'), read('b.env')]).toEqual([`ACME_API_KEY=${goodKey}\n`, 'BIGCO_API_KEY=""\nBIGCO_ACCOUNT_ID=1\n']);
    expect(await stored(home)).toEqual(['acme WXYZ', 'bigco QRST']);
  });

  it('takes a folder of the name .env for none', async () => {
    const { home, work } = await homeWith({});
    mkdirSync(join(work, '.env'));
    const run = await runTollgate(home, ['keys', 'import'], { cwd: work });
    expect([run.code, run.stderr]).toEqual([0, 'tollgate: no key was found in environment.\n']);
    expect((await runTollgate(home, ['keys', 'import', '--from', '.env'], { cwd: work })).code).toBe(2);
  });

  it.runIf(hasTerminal)('asks at a terminal for each place, and before it empties a file', async () => {
    const { home, work, read } = await homeWith({ '.env': `ACME_API_KEY=${goodKey}\n`, '.env.local': `BIGCO_API_KEY=${otherKey}\n` });
    const child = spawnOnTerminal(home, ['keys', 'import'], { cwd: work });
    const exit = once(child, 'exit');
    const { until, heard } = listen(child.stdout);
    await until('Store the key of acme from .env? [y/N] ');
    child.stdin.write('y\r');
    await until('Empty the plaintext in .env? Only the keys go, the rest stays. [y/N] ');
    child.stdin.write('y\r');
    await until('Store the key of bigco from .env.local? [y/N] ');
    child.stdin.write('n\r');
    expect(await exit).toEqual([0, null]);
    expect([await stored(home), read('.env'), read('.env.local')]).toEqual([['acme WXYZ'], 'ACME_API_KEY=""\n', `BIGCO_API_KEY=${otherKey}\n`]);
    expect(heard()).not.toContain('canary');
  });
});
