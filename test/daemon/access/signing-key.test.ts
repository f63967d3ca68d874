import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openSigningKey, type SigningKeySource } from '../../../src/daemon/access/signing-key-source.ts';
import { DEFAULT_CONFIG } from '../../../src/daemon/config/config.ts';
import type { KeyRing } from '../../../src/daemon/keys/key-ring.ts';
import { openKeyRing } from '../../../src/daemon/keys/open-key-ring.ts';
import { makeLogger } from '../../../src/daemon/logger.ts';
import { Secret } from '../../../src/daemon/secret.ts';
import { StartError } from '../../../src/daemon/start-error.ts';
import { readEnvironment, type Home } from '../../../src/environment.ts';
import { temporaryHome, testDaemon, type TestDaemon } from '../test-daemon.ts';
import { createToken, made, restarted, whoAmI, type Callable } from './access-calls.ts';
import { forge, goodClaims, goodHeader, SECRET, SECRET_KEY } from './forge.ts';

const asRoot = process.getuid?.() === 0;

interface Opened {
  readonly home: Home;
  readonly ring: KeyRing;
  readonly log: readonly string[];
  readonly open: (store?: Pick<KeyRing, 'readOwn' | 'writeOwn'>) => Promise<SigningKeySource>;
}

/** A home of its own with a real store of keys in it: the encrypted file, for no keychain is to be had. */
function opened(): Opened {
  const environment = readEnvironment({ TOLLGATE_HOME: temporaryHome() });
  const { home } = environment;
  for (const path of [home.stateDir, join(home.configFile, '..')]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const log: string[] = [];
  const logger = makeLogger('trace', { write: (line) => void log.push(line) });
  const ring = openKeyRing({ environment, log: logger, config: () => DEFAULT_CONFIG });
  onTestFinished(() => ring.close());
  return { home, ring, log, open: (store = ring) => openSigningKey({ file: home.jwtSecretFile, override: undefined, store, log: logger }) };
}

const newSecret = (): string => randomBytes(32).toString('base64url');
const leaveFile = ({ jwtSecretFile }: Home, text: string): void => writeFileSync(jwtSecretFile, text, { mode: 0o600 });
const secretOf = (key: { export(): Buffer } | undefined): string | undefined => key?.export().toString('base64url');

/** Everything that stands in the state directory, as text. */
const allOf = ({ stateDir }: Home): string => readdirSync(stateDir).filter((name) => statSync(join(stateDir, name)).isFile()).map((name) => readFileSync(join(stateDir, name), 'latin1')).join('\n');

describe('the signing secret', () => {
  it('is made with the first token, kept in the store of keys, and good after a restart', async () => {
    const daemon = await testDaemon();
    const { stateDir, jwtSecretFile, ageFile } = daemon.environment.home;
    expect(readdirSync(stateDir)).not.toContain('keys.age');
    const { token } = await made(daemon, { client: 'a', scopes: ['generate'] });
    expect([existsSync(ageFile), existsSync(jwtSecretFile)]).toEqual([true, false]);
    expect((await whoAmI(await restarted(daemon), token)).response?.client).toBe('a');
  });

  it('is not made by whoever sends a token', async () => {
    const daemon = await testDaemon();
    expect((await whoAmI(daemon, forge(randomBytes(32), goodHeader, goodClaims()))).failure?.reason).toBe('TOKEN_INVALID');
    expect(readdirSync(daemon.environment.home.stateDir)).not.toContain('keys.age');
  });

  it('of an earlier version moves into the store of keys, is wiped, and its tokens stay good', async () => {
    const { home, ring, open } = opened();
    const secret = newSecret();
    leaveFile(home, `${secret}\n`);
    const source = await open();
    expect(secretOf(source.ready())).toBe(secret);
    await source.move();
    expect(existsSync(home.jwtSecretFile)).toBe(false);
    expect(allOf(home)).not.toContain(secret);
    expect((await ring.readOwn('signing-secret'))?.reveal()).toBe(secret);
    expect(secretOf(await (await open()).find())).toBe(secret);
  });

  it('moves by itself once the daemon serves', async () => {
    const daemon = await testDaemon();
    await daemon.daemon.close(true);
    const secret = newSecret();
    leaveFile(daemon.environment.home, secret);
    const token = forge(Buffer.from(secret, 'base64url'), goodHeader, goodClaims());
    const next = await restarted(daemon);
    expect((await whoAmI(next, token)).response?.client).toBe('app');
    await vi.waitUntil(() => daemon.log.some((line) => line.includes('was moved into the store of keys')));
    expect(existsSync(daemon.environment.home.jwtSecretFile)).toBe(false);
    expect(daemon.log.join('')).not.toContain(secret);
  });

  it('in the file wins over what the store holds: it was in force until now', async () => {
    const { home, ring, open } = opened();
    await ring.writeOwn('signing-secret', new Secret(newSecret()));
    const secret = newSecret();
    leaveFile(home, secret);
    await (await open()).move();
    expect((await ring.readOwn('signing-secret'))?.reveal()).toBe(secret);
  });

  it('stays in its file, and in use, while the store is locked', async () => {
    const { home, ring, log, open } = opened();
    const secret = newSecret();
    leaveFile(home, secret);
    await ring.lock();
    const source = await open();
    expect(secretOf(await source.load())).toBe(secret);
    expect(readFileSync(home.jwtSecretFile, 'utf8')).toBe(secret);
    expect(log.join('')).toContain('stays in its file');
    expect(log.join('')).not.toContain(secret);
  });

  it('stays in its file when the store does not give back what it was given', async () => {
    const { home, open } = opened();
    leaveFile(home, newSecret());
    const source = await open({ readOwn: async () => new Secret(newSecret()), writeOwn: async () => {} });
    await source.move();
    expect(existsSync(home.jwtSecretFile)).toBe(true);
  });

  it('is refused when it is new and the store does not give it back', async () => {
    const source = await opened().open({ readOwn: async () => undefined, writeOwn: async () => {} });
    await expect(source.load()).rejects.toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE' });
    expect(source.ready()).toBeUndefined();
  });

  it('is made once when it is asked for many times at once', async () => {
    const source = await opened().open();
    const keys = await Promise.all(Array.from({ length: 8 }, () => source.load()));
    expect(new Set(keys.map(secretOf)).size).toBe(1);
  });

  it('that was overwritten, but not removed, when the power failed counts as moved', async () => {
    const { home, ring, open } = opened();
    const secret = newSecret();
    await ring.writeOwn('signing-secret', new Secret(secret));
    leaveFile(home, '\0'.repeat(44));
    expect(secretOf(await (await open()).find())).toBe(secret);
    expect(existsSync(home.jwtSecretFile)).toBe(false);
  });

  it.each([
    ['signs that are no base64url', `${'!'.repeat(100)}${'A'.repeat(43)}`],
    ['zeros', 'A'.repeat(43)],
    ['one byte again and again', Buffer.alloc(32, 7).toString('base64url')],
    ['too little', 'abc'],
    ['nothing', ''],
  ])('in a file that holds %s keeps the daemon from starting', async (_what, text) => {
    const { home, open } = opened();
    leaveFile(home, text);
    const refusal: unknown = await open().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StartError);
    expect(refusal).toMatchObject({ exitCode: 78, message: expect.stringContaining(`${home.jwtSecretFile} is damaged`) });
  });

  it.runIf(asRoot)('in a file of another user keeps the daemon from starting', async () => {
    const { home, open } = opened();
    leaveFile(home, newSecret());
    chownSync(home.jwtSecretFile, 65_534, 65_534);
    await expect(open()).rejects.toThrow('another user (uid 65534)');
  });

  it('from TOLLGATE_JWT_SECRET replaces the stored one, and is written nowhere', async () => {
    const daemon = await testDaemon({ variables: { TOLLGATE_JWT_SECRET: SECRET } });
    expect((await whoAmI(daemon, forge(SECRET_KEY, goodHeader, goodClaims()))).response?.client).toBe('app');
    await made(daemon, { client: 'a', scopes: ['generate'] });
    expect(readdirSync(daemon.environment.home.stateDir)).not.toContain('keys.age');
    expect(allOf(daemon.environment.home) + daemon.log.join('')).not.toContain(SECRET);
  });

  it.each(['short', 'x'.repeat(31)])('of "%s" in TOLLGATE_JWT_SECRET is too short to start with', async (secret) => {
    await expect(testDaemon({ variables: { TOLLGATE_JWT_SECRET: secret } })).rejects.toThrow(new RegExp(`${secret.length} bytes.*at least 32`, 's'));
  });
});

describe('while the store of keys cannot be read', () => {
  async function withDamagedStore(): Promise<{ daemon: TestDaemon; next: Callable; token: string }> {
    const daemon = await testDaemon();
    const { token } = await made(daemon, { client: 'a', scopes: ['generate', 'admin'] });
    await daemon.daemon.close(true);
    truncateSync(daemon.environment.home.ageFile, 100);
    return { daemon, token, next: await restarted(daemon) };
  }

  it('tokens of apps are told so, the admin token of the launch works, and none is made', async () => {
    const { next, token } = await withDamagedStore();
    expect((await whoAmI(next, token)).failure).toMatchObject({ code: 14, reason: 'KEY_STORE_UNAVAILABLE' });
    expect((await whoAmI(next, next.adminToken)).response?.client).toBe('admin');
    expect((await createToken(next, { client: 'b', scopes: ['generate'] })).failure?.reason).toBe('KEY_STORE_UNAVAILABLE');
  });

  it('a locked store is told as KEYS_LOCKED, and a key that was read before goes on to be used', async () => {
    const { ring, open } = opened();
    const before = await open();
    const key = await before.load();
    await ring.lock();
    expect(before.ready()?.equals(key)).toBe(true);
    const { ring: other, open: openOther } = opened();
    await other.lock();
    await expect((await openOther()).find()).rejects.toMatchObject({ reason: 'KEYS_LOCKED' });
    await expect((await openOther()).load()).rejects.toMatchObject({ reason: 'KEYS_LOCKED' });
  });
});
