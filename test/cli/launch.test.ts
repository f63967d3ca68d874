import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryHome } from '../daemon/test-daemon.ts';
import { runTollgate } from './run-tollgate.ts';

const bin = fileURLToPath(new URL('../../bin/', import.meta.url));

/** A Node on this machine that is too old for Tollgate. */
function oldNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'node')).find((node) => {
    const major = Number(/^v(\d+)/.exec(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? 99);
    return major >= 18 && major < 24;
  });
}

const old = oldNode();

describe('the tollgate command', () => {
  it('shows its verbs and examples', async () => {
    const { code, stdout } = await runTollgate(temporaryHome(), ['--help']);
    expect(code).toBe(0);
    for (const verb of ['generate', 'chat', 'models', 'start', 'stop', 'restart', 'status', 'token', 'completion', 'Examples:']) expect(stdout).toContain(verb);
    expect(stdout).not.toContain('--auto-started');
  });

  it.each([[['generat'], 'Did you mean generate?'], [[], 'Usage: tollgate'], [['token'], 'Usage: tollgate token'], [['help', 'nope'], "no command 'nope'"], [['completion', 'tcsh'], 'tcsh']])(
    'ends with 2 for %j', async (args, message) => {
      const { code, stdout, stderr } = await runTollgate(temporaryHome(), args);
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)]);
    },
  );

  it.each(['bash', 'zsh', 'fish', 'powershell'])('prints a completion script for %s', async (shell) => {
    const { code, stdout } = await runTollgate(temporaryHome(), ['completion', shell]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('tollgate complete ')]);
  });

  it.each(['bash', 'zsh', 'powershell'])('evaluates nothing in its completion script for %s', async (shell) => {
    const { stdout } = await runTollgate(temporaryHome(), ['completion', shell]);
    expect(stdout).not.toMatch(/\beval\b(?!uated)|Invoke-Expression|compgen/i);
  });

  it.runIf(spawnSync('bash', ['--version']).status === 0)('completes in bash without running what stands on the line', async () => {
    const home = temporaryHome();
    const { stdout: script } = await runTollgate(home, ['completion', 'bash']);
    const tollgate = join(home, 'tollgate');
    writeFileSync(tollgate, `#!/bin/sh\nexec '${process.execPath}' '${join(bin, 'tollgate.js')}' "$@"\n`, { mode: 0o755 });
    const line = `COMP_WORDS=(tollgate generate '$(touch ran)' ';' touch ran '>' precious --mo x) COMP_CWORD=8`;
    const run = spawnSync('bash', ['--norc', '-uc', `${script}\n${script}\n${line}\n_tollgate\nprintf '%s\\n' "\${COMPREPLY[@]}"; complete -p tollgate`], {
      cwd: home, encoding: 'utf8', env: { PATH: `${home}${delimiter}${process.env['PATH']}`, TOLLGATE_HOME: home },
    });
    expect([run.stdout, run.stderr]).toEqual(['--model\ncomplete -o bashdefault -o default -F _tollgate tollgate\n', '']);
    expect(readdirSync(home)).toEqual(['tollgate']);
  });

  it('completes verbs and options', async () => {
    const home = temporaryHome();
    expect((await runTollgate(home, ['complete', '--', 'st'])).stdout).toMatch(/^start\t[^]*stop\t[^]*status\t/);
    expect((await runTollgate(home, ['complete', '--', 'generate', '--mo'])).stdout).toMatch(/^--model\t/);
    expect((await runTollgate(home, ['complete', '--', 'token', 'create', 'x', '--tier', ''])).stdout).toContain('premium');
  });

  it('shows commands the way it was called', async () => {
    const called = async (variables: Record<string, string>): Promise<string> => (await runTollgate(temporaryHome(), ['status'], { variables })).stdout;
    expect(await called({})).toContain('`tollgate start`');
    expect(await called({ npm_command: 'exec' })).toContain('`npx tollgate start`');
  });

  it.runIf(old !== undefined)('runs itself with the Node of the checkout when it was started by one that is too old', () => {
    const run = spawnSync(old!, [join(bin, 'tollgate.js'), 'generate', '--temperature', 'warm'], { encoding: 'utf8', env: { PATH: '' } });
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('Write a number')]);
  });

  it.runIf(old !== undefined)('says which Node it needs when there is no other', () => {
    const folder = temporaryHome();
    mkdirSync(join(folder, 'bin'));
    cpSync(bin, join(folder, 'bin'), { recursive: true });
    const run = spawnSync(old!, [join(folder, 'bin', 'tollgate.js'), '--version'], { encoding: 'utf8' });
    expect([run.status, run.stdout, run.stderr]).toEqual([2, '', expect.stringMatching(/^tollgate: this is Node [\d.]+; Tollgate needs 24\.15 or later, or 26\..*\n$/)]);
  });
});
