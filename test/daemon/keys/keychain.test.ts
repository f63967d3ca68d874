import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FOREIGN } from '../../../src/daemon/keys/bound-origin.ts';
import { keyMissing } from '../../../src/daemon/keys/key-missing.ts';
import { missingPrograms, secretService } from './secret-service.ts';
import { failureOf, KEY, keysOf, OTHER_KEY, provider, secret, testRing } from './test-ring.ts';

const missing = missingPrograms();
if (missing.length > 0) console.warn(`skipped: a real keychain, as these are not installed: ${missing.join(', ')}`);
const openai = provider('openai');
const WRITER = fileURLToPath(new URL('key-writer.ts', import.meta.url));

/** How long an action took, in milliseconds. */
async function timed<T>(action: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const begin = performance.now();
  const value = await action();
  return { value, ms: performance.now() - begin };
}

describe.runIf(missing.length === 0)('the keychain', () => {
  it('keeps a key as others can see it, for the next process too, until it is removed', async () => {
    const service = await secretService();
    const { variables } = service;
    const { ring, home } = testRing({ variables });
    await ring.set(openai, '', secret(KEY), 'good');
    await ring.set(openai, 'work', secret(OTHER_KEY), 'good');
    expect(await ring.status()).toEqual({ origin: 'keychain', description: expect.stringContaining('Secret Service'), locked: false, problem: '' });
    expect([service.lookup('openai'), service.lookup('openai:work')]).toEqual([KEY, OTHER_KEY]);
    expect(execFileSync(process.execPath, [WRITER, 'read'], { encoding: 'utf8', env: { PATH: process.env['PATH'], ...variables, TOLLGATE_HOME: dirname(home.stateDir) } })).toBe(`${KEY}\n${OTHER_KEY}\n`);
    expect(await ring.remove('openai', '')).toBe(true);
    expect(() => service.lookup('openai')).toThrow();
    expect(await keysOf(ring, openai)).toEqual([OTHER_KEY]);
    expect(await ring.remove('openai', '')).toBe(false);
    // Nothing but the list of keys is in the home, and no key is in that.
    expect(readdirSync(home.stateDir)).toEqual(['keys.json']);
    expect(readFileSync(home.keysFile, 'utf8')).not.toMatch(/sk-/);
  });

  it("keeps each home's own secrets apart, and leaves another home's keys alone", async () => {
    const service = await secretService();
    const [first, second] = [testRing({ variables: service.variables }), testRing({ variables: service.variables })];
    await first.ring.writeOwn('signing-secret', secret('first'));
    await second.ring.writeOwn('signing-secret', secret('second'));
    await first.ring.set(openai, '', secret(KEY), undefined);
    expect([(await first.ring.readOwn('signing-secret'))?.reveal(), service.lookup(`@signing-secret:${first.home.id}`)]).toEqual(['first', 'first']);
    expect((await second.ring.readOwn('signing-secret'))?.reveal()).toBe('second');
    expect([await second.ring.keysFor(openai), await second.ring.remove('openai', ''), service.lookup('openai')]).toEqual([[], false, KEY]);
  });

  it("does not give one home another's key, and is not emptied of it by the other", async () => {
    const service = await secretService();
    const elsewhere = provider('openai', { baseUrl: 'https://elsewhere.example/v1' });
    const [first, second] = [testRing({ variables: service.variables }), testRing({ variables: service.variables })];
    await second.ring.set(elsewhere, '', secret(OTHER_KEY), undefined);
    await second.ring.close();
    await first.ring.set(openai, '', secret(KEY), undefined);
    const { ring: again } = testRing({ variables: service.variables, directory: dirname(second.home.stateDir) });
    expect([await again.keysFor(elsewhere), await again.keyOf(elsewhere, '')]).toEqual([[], undefined]);
    const records = await again.recordsOf(elsewhere);
    expect(records).toMatchObject([{ boundElsewhere: FOREIGN }]);
    expect(keyMissing(elsewhere, records)).toMatchObject({ reason: 'KEY_MISSING', message: expect.stringContaining('was changed in the store by another home or program') });
    expect([await again.remove('openai', ''), await again.recordsOf(elsewhere), service.lookup('openai')]).toEqual([true, [], KEY]);
    expect(await keysOf(first.ring, openai)).toEqual([KEY]);
  });

  it('keeps the key of another home when the config asks for the encrypted file', async () => {
    const service = await secretService();
    const [first, second] = [testRing({ variables: service.variables }), testRing({ variables: service.variables })];
    await second.ring.set(openai, '', secret(OTHER_KEY), undefined);
    await first.ring.set(openai, '', secret(KEY), undefined);
    second.configure('file');
    expect(await second.ring.status()).toMatchObject({ origin: 'encrypted-file' });
    expect(service.lookup('openai')).toBe(KEY);
  });

  it('is asked for nothing by who reads a secret that this home never stored', async () => {
    const service = await secretService();
    service.lock();
    const { ring } = testRing({ variables: service.variables });
    expect(await ring.readOwn('signing-secret')).toBeUndefined();
  });

  it('that is locked says so in bounded time, and goes on when it is unlocked', async () => {
    const service = await secretService();
    const { ring, home } = testRing({ variables: service.variables });
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.close();
    service.lock();
    const { ring: again } = testRing({ variables: service.variables, directory: dirname(home.stateDir) });
    const { value, ms } = await timed(() => failureOf(() => again.keysFor(openai)));
    expect(value.reason).toBe('KEYS_LOCKED');
    expect(ms).toBeLessThan(5500);
    expect(await again.status()).toMatchObject({ origin: 'keychain', locked: true });
    expect(await again.recordsOf(openai)).toMatchObject([{ hint: '0001' }]);
    expect(await failureOf(() => again.set(openai, 'work', secret(OTHER_KEY), undefined))).toMatchObject({ reason: 'KEYS_LOCKED' });
    expect(await failureOf(() => again.unlock(secret('')))).toMatchObject({ reason: 'KEYS_LOCKED' });
    expect(await failureOf(() => again.unlock(secret('password')))).toMatchObject({ reason: 'REQUEST_INVALID' });
    expect(await again.recordsOf(openai)).toHaveLength(1);
    expect(existsSync(home.ageFile)).toBe(false);
    await service.unlock();
    await again.unlock(secret(''));
    expect(await keysOf(again, openai)).toEqual([KEY]);
    expect(await again.status()).toMatchObject({ locked: false });
  });

  it('that is locked is not passed over for the encrypted file', async () => {
    const service = await secretService();
    service.lock();
    const { ring, home } = testRing({ variables: service.variables });
    expect(await failureOf(() => ring.set(openai, '', secret(KEY), undefined))).toMatchObject({ reason: 'KEYS_LOCKED' });
    expect(await ring.status()).toMatchObject({ locked: true });
    expect(existsSync(home.ageFile)).toBe(false);
  });

  it('that waits for an answer of the user is waited for 5 s, and not by who closes the ring', { timeout: 40_000 }, async () => {
    const service = await secretService({ asks: true });
    const { ring, home } = testRing({ variables: service.variables });
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.close();
    service.lock();
    const { ring: again } = testRing({ variables: service.variables, directory: dirname(home.stateDir) });
    const { value, ms } = await timed(() => failureOf(() => again.keysFor(openai)));
    expect(value).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE', message: expect.stringContaining('did not answer within 5 s') });
    expect(ms).toBeGreaterThan(4900);
    expect(ms).toBeLessThan(7000);
    // The next ones do not wait at all for what is known not to answer.
    expect((await timed(() => failureOf(() => again.keysFor(openai)))).ms).toBeLessThan(1000);
    expect((await timed(() => again.close())).ms).toBeLessThan(1000);
  });

  it('that has stopped is given up after 5 s at most, serves what is in memory, and is used again when it goes on', { timeout: 40_000 }, async () => {
    const service = await secretService();
    const { ring, home } = testRing({ variables: service.variables });
    await ring.set(openai, '', secret(KEY), undefined);
    const { ring: again } = testRing({ variables: service.variables, directory: dirname(home.stateDir) });
    service.pause();
    const { value, ms } = await timed(() => failureOf(() => again.keysFor(openai)));
    expect(value).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE' });
    expect(ms).toBeLessThan(7000);
    expect(await keysOf(ring, openai)).toEqual([KEY]);
    expect(await failureOf(() => ring.set(openai, '', secret(OTHER_KEY), undefined))).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE' });
    expect(existsSync(home.ageFile)).toBe(false);
    service.resume();
    await again.unlock(secret(''));
    expect(await keysOf(again, openai)).toEqual([KEY]);
  });

  it('without a keyring that can be written to gives way to the encrypted file, with the reason', async () => {
    const service = await secretService({ keyring: false });
    const { ring, home } = testRing({ variables: service.variables });
    await ring.set(openai, '', secret(KEY), undefined);
    expect(await ring.status()).toMatchObject({ origin: 'encrypted-file', problem: expect.stringContaining('no keychain that can be used') });
    expect(existsSync(home.ageFile)).toBe(true);
  });

  it("is never the kernel's keyring", async () => {
    const { ring, home } = testRing({ variables: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent/bus' }, store: 'keychain' });
    expect(await failureOf(() => ring.set(openai, '', secret(KEY), undefined))).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE' });
    expect(readFileSync('/proc/keys', 'utf8')).not.toContain('tollgate');
    expect(existsSync(home.ageFile)).toBe(false);
  });

  it('and the encrypted file hand the keys over when the config asks for the other', async () => {
    const service = await secretService();
    const made = testRing({ variables: service.variables, store: 'file' });
    const { ring, home } = made;
    await ring.set(openai, '', secret(KEY), 'good');
    await ring.writeOwn('signing-secret', secret('own'));
    expect(await ring.status()).toMatchObject({ origin: 'encrypted-file', problem: '' });
    made.configure('keychain');
    expect(await ring.status()).toMatchObject({ origin: 'keychain' });
    expect([service.lookup('openai'), service.lookup(`@signing-secret:${home.id}`)]).toEqual([KEY, 'own']);
    made.configure('file');
    await ring.set(openai, 'work', secret(OTHER_KEY), undefined);
    expect(() => service.lookup('openai')).toThrow();
    expect(await keysOf(ring, openai)).toEqual([KEY, OTHER_KEY]);
    expect((await ring.readOwn('signing-secret'))?.reveal()).toBe('own');
    expect(readdirSync(home.stateDir).sort()).toEqual(['keys.age', 'keys.json']);
  });

  it('shows no key in the command line and the environment of its process', async () => {
    const service = await secretService();
    const { ring } = testRing({ variables: { ...service.variables, OPENAI_API_KEY: OTHER_KEY } });
    await ring.set(openai, '', secret(KEY), undefined);
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
    const helpers = children.filter((pid) => readFileSync(join('/proc', pid, 'cmdline'), 'utf8').includes('keychain-process'));
    expect(helpers).toHaveLength(1);
    for (const pid of helpers) {
      for (const file of ['cmdline', 'environ']) {
        const text = readFileSync(join('/proc', pid, file), 'utf8');
        expect(text).not.toContain(KEY);
        expect(text).not.toContain(OTHER_KEY);
      }
    }
  });
});
