import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Home } from '../../../src/environment.ts';
import { failureOf, KEY, keysOf, OTHER_KEY, provider, secret, temporaryDirectory, testRing } from './test-ring.ts';

/** A nightly run sets more. */
const KILLS = Number(process.env['TOLLGATE_TEST_KILLS'] ?? 12);

const openai = provider('openai');
const WRITER = fileURLToPath(new URL('key-writer.ts', import.meta.url));
const asRoot = process.getuid?.() === 0;

/** A home with a key in it, and nobody who has it open. */
async function keptHome(): Promise<Home> {
  const { ring, home } = testRing();
  await ring.set(openai, '', secret(KEY), undefined);
  await ring.close();
  return home;
}

type Put = readonly [what: string, put: (path: string) => void];

const IN_THE_WAY: readonly Put[] = [
  ['a link to a file like it', (path) => (renameSync(path, `${path}.real`), symlinkSync(`${path}.real`, path))],
  ['a link to nothing', (path) => (renameSync(path, `${path}.real`), symlinkSync(`${path}.gone`, path))],
  ['a FIFO', (path) => (renameSync(path, `${path}.real`), void execFileSync('mkfifo', ['-m', '600', path]))],
  ['a directory', (path) => (renameSync(path, `${path}.real`), mkdirSync(path, { mode: 0o700 }))],
  ['a file that its group may read', (path) => chmodSync(path, 0o640)],
  ['a file that everybody may write', (path) => chmodSync(path, 0o606)],
  ...(asRoot ? [['a file of another user', (path) => chownSync(path, 65_534, 65_534)] as const satisfies Put] : []),
];

/** What stands there, whatever it is. */
const shapeOf = (path: string): string => {
  const stats = lstatSync(path);
  return [stats.mode, stats.uid, stats.ino, stats.isFile() ? readFileSync(path, 'hex') : ''].join(' ');
};

describe.each([
  ['the encrypted file', ({ ageFile }: Home) => ageFile],
  ['the identity', ({ ageIdentityFile }: Home) => ageIdentityFile],
  ['the list of keys', ({ keysFile }: Home) => keysFile],
])('in the place of %s', (_what, placeOf) => {
  it.each(IN_THE_WAY)('%s is refused at once, and left alone', async (_thing, put) => {
    const home = await keptHome();
    const path = placeOf(home);
    put(path);
    const before = shapeOf(path);
    const { ring } = testRing({ directory: dirname(home.stateDir) });
    for (const action of [() => ring.keysFor(openai), () => ring.set(openai, 'work', secret(OTHER_KEY), undefined), () => ring.writeOwn('signing-secret', secret('x')), () => ring.unlock(secret(''))]) {
      const { reason, message } = await failureOf(action);
      expect(reason).toBe('KEY_STORE_UNAVAILABLE');
      expect(message).toContain(path);
      expect(message).not.toMatch(/start again|StartError/);
    }
    expect(shapeOf(path)).toBe(before);
    expect(await ring.keysFor(provider('ollama'))).toEqual([]);
  });
});

describe('the directory of the encrypted file', () => {
  it('is not used when it is a link, or of another user', async () => {
    const home = await keptHome();
    renameSync(home.stateDir, `${home.stateDir}.real`);
    symlinkSync(`${home.stateDir}.real`, home.stateDir);
    const { ring } = testRing({ directory: dirname(home.stateDir) });
    expect(await failureOf(() => ring.set(openai, 'work', secret(OTHER_KEY), undefined))).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE', message: expect.stringContaining(home.stateDir) });
  });
});

/** Lets a process of its own set keys one after the other, and kills it at one of the changes that it makes to its files. Returns the last one that it said was set. */
async function writeUntilKilled(directory: string, stateDir: string, from: number, change: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, String(from)], { env: { PATH: process.env['PATH'], TOLLGATE_HOME: directory }, stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  let last = from - 1;
  let changes = 0;
  const watcher = watch(stateDir, () => {
    // Not before it has said so once: then it is known what the old key is.
    if (last >= from && ++changes === change) child.kill('SIGKILL');
  });
  for await (const line of createInterface({ input: child.stdout })) last = Number(line);
  await exit;
  watcher.close();
  return last;
}

describe('a process that is killed while it sets a key', () => {
  it('leaves the old key or the new one, again and again', { timeout: 180_000 }, async () => {
    const directory = temporaryDirectory();
    const stateDir = join(directory, 'state');
    mkdirSync(stateDir, { mode: 0o700 });
    let from = 1;
    for (let kill = 0; kill < KILLS; kill++) {
      const last = await writeUntilKilled(directory, stateDir, from, kill + 1);
      const { ring } = testRing({ directory });
      const [key] = await keysOf(ring, openai);
      const [record] = await ring.recordsOf(openai);
      expect([`sk-written-${last}`, `sk-written-${last + 1}`]).toContain(key);
      expect(record).toMatchObject({ boundElsewhere: undefined });
      expect((await ring.readOwn('counter'))?.reveal()).toMatch(new RegExp(`^(${last}|${last - 1}|${last + 1})$`));
      await ring.close();
      expect(readdirSync(stateDir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      from = last + 2;
    }
  });

  it('leaves what it did not finish behind only until the next start', async () => {
    const home = await keptHome();
    const leftover = `${home.ageFile}.0123456789ab.tmp`;
    copyFileSync(home.ageFile, leftover);
    writeFileSync(`${home.keysFile}.0123456789ab.tmp`, '{');
    const { ring } = testRing({ directory: dirname(home.stateDir) });
    expect(await keysOf(ring, openai)).toEqual([KEY]);
    expect([existsSync(leftover), existsSync(join(home.stateDir, 'keys.json.0123456789ab.tmp'))]).toEqual([false, false]);
  });
});

describe('a ring that nobody closes', () => {
  it('does not keep its process alive', { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, [WRITER, 'once'], { env: { PATH: process.env['PATH'], TOLLGATE_HOME: temporaryDirectory() }, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdout.resume();
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });
});
