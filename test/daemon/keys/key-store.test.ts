import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failureOf, KEY, keysOf, OTHER_KEY, provider, secret, temporaryDirectory, testRing } from './test-ring.ts';

const openai = provider('openai');
const elsewhere = provider('openai', { baseUrl: 'https://elsewhere.example/v1' });

describe('the list of keys', () => {
  it.each(['', 'null', '[]', '{"version":1}', '{"version":1,"keys":[{"provider":"openai"}],"own":[]}', '\0\0\0', '{"version":1,"keys":[],"own":[]}}'])('that is damaged (%j) is set aside, and the default key found again', async (damage) => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.close();
    writeFileSync(home.keysFile, damage, { mode: 0o600 });
    const { ring: again, log } = testRing({ directory: dirname(home.stateDir) });
    expect(await again.recordsOf(openai)).toMatchObject([{ label: '', hint: '0001' }]);
    expect(await keysOf(again, openai)).toEqual([KEY]);
    const aside = readdirSync(home.stateDir).find((name) => name.startsWith('keys.json.corrupt-'));
    expect(readFileSync(join(home.stateDir, aside ?? ''), 'utf8')).toBe(damage);
    expect(log.join('')).toContain('is set aside');
  });

  it('that was lost gives a key only to the address that the provider ships with', async () => {
    const { ring, home } = testRing();
    await ring.set(elsewhere, '', secret(KEY), undefined);
    await ring.close();
    rmSync(home.keysFile);
    const again = testRing({ directory: dirname(home.stateDir) }).ring;
    expect(await again.keysFor(elsewhere)).toEqual([]);
    expect(await again.recordsOf(elsewhere)).toMatchObject([{ boundElsewhere: 'https://api.openai.com' }]);
  });

  it('of a newer version is refused and left as it is', async () => {
    const { ring, home } = testRing();
    mkdirSync(home.stateDir, { recursive: true, mode: 0o700 });
    writeFileSync(home.keysFile, '{"version":2}', { mode: 0o600 });
    const { reason, message } = await failureOf(() => ring.set(openai, '', secret(KEY), undefined));
    expect([reason, readFileSync(home.keysFile, 'utf8')]).toEqual(['KEY_STORE_UNAVAILABLE', '{"version":2}']);
    expect(message).toContain('newer Tollgate');
  });
});

describe('a key in the store', () => {
  it('that another program changed is not used until it is set again, and one without a fingerprint is bound when it is read', async () => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(OTHER_KEY), undefined);
    const old = readFileSync(home.ageFile);
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.close();
    const directory = dirname(home.stateDir);
    const index: { keys: object[] } = JSON.parse(readFileSync(home.keysFile, 'utf8'));
    expect(index.keys).toMatchObject([{ fingerprints: [expect.any(String)] }]);
    writeFileSync(home.keysFile, JSON.stringify({ ...index, keys: index.keys.map((key) => ({ ...key, fingerprints: undefined })) }));
    const bound = testRing({ directory }).ring;
    expect(await keysOf(bound, openai)).toEqual([KEY]);
    await bound.close();
    writeFileSync(home.ageFile, old);
    const { ring: again, log } = testRing({ directory });
    expect(await again.keysFor(openai)).toEqual([]);
    expect(await again.recordsOf(openai)).toMatchObject([{ boundElsewhere: expect.stringContaining('another program') }]);
    expect(log.join('')).toContain('changed by another home or program');
    await again.set(openai, '', secret(OTHER_KEY), undefined);
    expect([await keysOf(again, openai), (await again.recordsOf(openai))[0]?.boundElsewhere]).toEqual([[OTHER_KEY], undefined]);
  });
});

describe('the store', () => {
  it('is the encrypted file, by name and with the reason, where there is no D-Bus', async () => {
    const { ring, home, log } = testRing();
    expect(await ring.status()).toEqual({ origin: 'encrypted-file', description: `the encrypted file ${home.ageFile}`, locked: false, problem: expect.stringContaining('DBUS_SESSION_BUS_ADDRESS is not set') });
    expect(log.join('')).toContain('keys are kept in the encrypted file');
    // Asking where keys would be kept keeps none.
    expect(existsSync(home.stateDir)).toBe(false);
  });

  it('is the encrypted file, with the reason, where nobody answers at the address of D-Bus', async () => {
    const { ring } = testRing({ variables: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent/bus' } });
    await ring.set(openai, '', secret(KEY), undefined);
    expect(await ring.status()).toMatchObject({ origin: 'encrypted-file', problem: expect.stringContaining('no keychain that can be used') });
  });

  it('is no other one than the config asks for', async () => {
    const { ring, home } = testRing({ store: 'keychain' });
    const { reason, message } = await failureOf(() => ring.set(openai, '', secret(KEY), undefined));
    expect(reason).toBe('KEY_STORE_UNAVAILABLE');
    expect(message).toContain('keys.store');
    expect(existsSync(home.ageFile)).toBe(false);
    expect(await ring.status()).toMatchObject({ problem: message });
  });

  it('is not replaced in silence when a home has its keys in a keychain that is gone', async () => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.close();
    writeFileSync(home.keysFile, readFileSync(home.keysFile, 'utf8').replace('encrypted-file', 'keychain'), { mode: 0o600 });
    const { ring: again } = testRing({ directory: dirname(home.stateDir) });
    const { reason, message } = await failureOf(() => again.keysFor(openai));
    expect(reason).toBe('KEY_STORE_UNAVAILABLE');
    expect(message).toContain('the keys of this home are in the keychain');
    expect(await again.status()).toMatchObject({ origin: 'keychain' });
    expect(await again.keysFor(provider('ollama'))).toEqual([]);
  });

  it('opens with the identity that systemd lends to the service', async () => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.close();
    const credentials = temporaryDirectory();
    renameSync(home.ageIdentityFile, join(credentials, 'age-identity'));
    // How an access list shows.
    chmodSync(join(credentials, 'age-identity'), 0o440);
    const again = testRing({ directory: dirname(home.stateDir), variables: { CREDENTIALS_DIRECTORY: credentials } }).ring;
    await again.set(openai, 'work', secret(OTHER_KEY), undefined);
    expect(await keysOf(again, openai)).toEqual([KEY, OTHER_KEY]);
    expect(existsSync(home.ageIdentityFile)).toBe(false);
  });

  it('keeps its files to their owner after a hundred writes', { timeout: 60_000 }, async () => {
    const { ring, home } = testRing();
    for (let each = 0; each < 50; each++) {
      await ring.set(openai, '', secret(`${KEY}${each}`), 'good');
      await ring.writeOwn('signing-secret', secret(`${each}`));
    }
    for (const path of [home.ageFile, home.keysFile, home.ageIdentityFile]) expect(statSync(path).mode & 0o777).toBe(0o600);
    for (const path of [home.stateDir, dirname(home.ageIdentityFile)]) expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(home.stateDir).sort()).toEqual(['keys.age', 'keys.json']);
  });
});
