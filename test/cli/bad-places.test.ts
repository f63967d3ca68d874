import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryHome } from '../daemon/test-daemon.ts';
import { listen, runTollgate } from './run-tollgate.ts';

const bin = fileURLToPath(new URL('../../bin/tollgate.js', import.meta.url));

describe('a home that cannot be used', () => {
  it.runIf(existsSync('/proc/self'))('is refused in the folders of the kernel', async () => {
    for (const verb of [['start'], ['generate', 'hi'], ['start', '--foreground']]) {
      const { code, stderr } = await runTollgate('/proc/foo', verb);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^tollgate: \/proc\/foo\/state: no files can be kept there\.\nSet TOLLGATE_HOME/)]);
    }
  });

  it.each([['a file is a part of it', 'file/home', 'is a file, not a folder'], ['its name is too long', 'x'.repeat(300), 'too long']])('is told in words when %s', async (_case, name, words) => {
    const folder = temporaryHome();
    writeFileSync(join(folder, 'file'), '');
    const { code, stderr } = await runTollgate(join(folder, name), ['start']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect(stderr).not.toContain('    at ');
  });

  it('is a daemon that cannot be reached where nobody named it', async () => {
    const folder = temporaryHome();
    writeFileSync(join(folder, 'file'), '');
    const { code, stderr } = await runTollgate(join(folder, 'file'), ['start'], { variables: { TOLLGATE_HOME: '' } });
    expect([code, stderr]).toEqual([3, expect.stringContaining('Set TOLLGATE_HOME to a folder of your own')]);
  });
});

it('says that TOLLGATE_ADDRESS is no address', async () => {
  for (const address of ['junk', 'unix:relative', 'host:0', 'host:70000', 'http://host:1']) {
    const { code, stderr } = await runTollgate(temporaryHome(), ['models'], { variables: { TOLLGATE_ADDRESS: address } });
    expect([code, stderr]).toEqual([2, expect.stringContaining(`"${address}", which is not an address`)]);
  }
});

it.runIf(existsSync('/dev/full'))('says that the disk behind standard output is full', async () => {
  const child = spawn(process.execPath, [bin, '--help'], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
  const { heard } = listen(child.stderr!);
  const [code] = await once(child, 'close');
  expect([code, heard()]).toEqual([1, 'tollgate: The answer is not whole. Standard output: there is no space left. Make some room.\n']);
});
