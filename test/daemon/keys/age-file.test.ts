import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/daemon/failure.ts';
import { failureOf, isInstalled, KEY, keysOf, OTHER_KEY, provider, readWithAge, secret, temporaryDirectory, testRing, type TestRing } from './test-ring.ts';

const withAge = isInstalled('age');
if (!withAge) console.warn('skipped: the Debian package "age" is not installed');
const openai = provider('openai');
const PASSPHRASE = 'correct horse battery';

const content = (secrets: object): string => JSON.stringify({ version: 1, secrets });

/** A ring whose home holds this file, and, unless it is opened by a passphrase, the identity. */
function ringWith(bytes: Uint8Array, identity?: string): TestRing {
  const made = testRing();
  const { home } = made;
  for (const path of [home.ageFile, home.ageIdentityFile]) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(home.ageFile, bytes, { mode: 0o600 });
  if (identity !== undefined) writeFileSync(home.ageIdentityFile, `${identity}\n`, { mode: 0o600 });
  return made;
}

async function encryptedFor(identity: string, text: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  return await encrypter.encrypt(text);
}

/** The least work that scrypt can be given: what is tested is not how long it takes. */
async function encryptedWith(passphrase: string, text: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(2);
  return await encrypter.encrypt(text);
}

/** A file at which one ring looks again and again, as it changes. */
async function probe(bytes: Uint8Array, identity: string) {
  const { ring, home } = ringWith(bytes, identity);
  await ring.readOwn('known');
  return async (changed: Uint8Array): Promise<string> => {
    writeFileSync(home.ageFile, changed);
    try {
      return `read: ${(await ring.readOwn('unknown'))?.reveal()}`;
    } catch (error) {
      return error instanceof Error && 'reason' in error ? String(error.reason) : String(error);
    }
  };
}

describe.runIf(withAge)('the age command line', () => {
  it('opens our file with its identity', async () => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(KEY), 'good');
    await ring.set(openai, 'work', secret(OTHER_KEY), 'good');
    await ring.writeOwn('signing-secret', secret('own'));
    expect(readWithAge(home)).toEqual({ version: 1, secrets: { openai: KEY, 'openai:work': OTHER_KEY, '@signing-secret': 'own' } });
  });

  it.each([['binary', []], ['armored', ['--armor']]])('writes a file (%s) that we read', async (_what, flags) => {
    const directory = temporaryDirectory();
    const identityFile = join(directory, 'identity');
    execFileSync('age-keygen', ['-o', identityFile], { stdio: 'ignore' });
    const bytes = execFileSync('age', [...flags, '-e', '-i', identityFile], { input: content({ openai: KEY }) });
    const { ring, home } = ringWith(bytes, readFileSync(identityFile, 'utf8'));
    expect(await keysOf(ring, openai)).toEqual([KEY]);
    await ring.set(openai, 'work', secret(OTHER_KEY), undefined);
    expect(readWithAge(home)).toEqual({ version: 1, secrets: { openai: KEY, 'openai:work': OTHER_KEY } });
  });

  it.runIf(isInstalled('script'))('and we open what the other locked with a passphrase', { timeout: 60_000 }, async () => {
    const directory = temporaryDirectory();
    const [plain, locked] = [join(directory, 'plain'), join(directory, 'locked')];
    writeFileSync(plain, content({ openai: KEY }));
    execFileSync('script', ['-qec', `age -p -o ${locked} ${plain}`, '/dev/null'], { input: `${PASSPHRASE}\n${PASSPHRASE}\n` });
    const { ring, home } = ringWith(readFileSync(locked));
    expect(await failureOf(() => ring.readOwn('signing-secret'))).toMatchObject({ reason: 'KEYS_LOCKED' });
    await ring.unlock(secret(PASSPHRASE));
    expect(await keysOf(ring, openai)).toEqual([KEY]);
    await ring.set(openai, 'work', secret(OTHER_KEY), undefined);
    expect(existsSync(home.ageIdentityFile)).toBe(false);
    const output = join(directory, 'output');
    execFileSync('script', ['-qec', `age -d -o ${output} ${home.ageFile}`, '/dev/null'], { input: `${PASSPHRASE}\n` });
    expect(JSON.parse(readFileSync(output, 'utf8'))).toEqual({ version: 1, secrets: { openai: KEY, 'openai:work': OTHER_KEY } });
  });
});

describe('an encrypted file', () => {
  it('is refused when any of its bytes is another, or missing, or one too many', { timeout: 120_000 }, async () => {
    const identity = await generateX25519Identity();
    const bytes = await encryptedFor(identity, content({ '@unknown': 'x' }));
    const look = await probe(bytes, identity);
    const verdicts = new Map<string, number>();
    const count = async (changed: Uint8Array): Promise<void> => {
      const verdict = await look(changed);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    };
    for (let place = 0; place < bytes.length; place++) {
      await count(bytes.with(place, (bytes[place] ?? 0) ^ (1 << (place % 8))));
    }
    // Every length near the ends, some between.
    const lengths = Array.from(bytes.keys()).filter((length) => length < 8 || length > bytes.length - 40 || length % 9 === 0);
    for (const length of lengths) await count(bytes.subarray(0, length));
    await count(Buffer.concat([bytes, Buffer.from([0])]));
    await count(Buffer.concat([bytes, bytes]));
    expect(Object.fromEntries(verdicts)).toEqual({ KEY_STORE_UNAVAILABLE: bytes.length + lengths.length + 2 });
    expect(await look(bytes)).toBe('read: x');
  });

  it('of several chunks is refused when one is changed, lost or moved', { timeout: 60_000 }, async () => {
    const identity = await generateX25519Identity();
    const bytes = await encryptedFor(identity, content({ '@unknown': 'x', long: 'k'.repeat(150_000) }));
    const look = await probe(bytes, identity);
    const header = bytes.length - (150_000 + content({ '@unknown': 'x', long: '' }).length + 3 * 16 + 16);
    const chunk = (place: number): Uint8Array => bytes.subarray(header + 16 + place * 65_552, header + 16 + (place + 1) * 65_552);
    const start = bytes.subarray(0, header + 16);
    expect(Buffer.concat([start, chunk(0), chunk(1), chunk(2)]).equals(bytes)).toBe(true);
    for (const changed of [[chunk(0), chunk(1)], [chunk(1), chunk(0), chunk(2)], [chunk(0), chunk(2)], [chunk(0), chunk(1), chunk(2).subarray(0, -1)]]) {
      expect(await look(Buffer.concat([start, ...changed]))).toBe('KEY_STORE_UNAVAILABLE');
    }
    for (let place = header; place < bytes.length; place += 9973) expect(await look(bytes.with(place, (bytes[place] ?? 0) ^ 0x80))).toBe('KEY_STORE_UNAVAILABLE');
    expect(await look(bytes)).toBe('read: x');
  });

  it.each([
    ['no JSON', 'sk-in-the-clear'],
    ['null', 'null'],
    ['another version', '{"version":0,"secrets":{}}'],
    ['a secret that is no text', '{"version":1,"secrets":{"openai":["sk-in-the-clear"]}}'],
    ['a newer version', '{"version":2,"secrets":{"openai":"sk-in-the-clear"}}'],
  ])('that holds %s is refused, and what it holds is not told', async (_what, text) => {
    const identity = await generateX25519Identity();
    const { ring, log } = ringWith(await encryptedFor(identity, text), identity);
    const { reason, message } = await failureOf(() => ring.set(openai, '', secret(KEY), undefined));
    expect(reason).toBe('KEY_STORE_UNAVAILABLE');
    expect(message + log.join('')).not.toContain('in-the-clear');
  });

  it('that cannot be opened is never written over', async () => {
    const identity = await generateX25519Identity();
    const bytes = await encryptedFor(identity, content({ openai: KEY }));
    const damaged = bytes.with(bytes.length - 1, 0);
    const { ring, home } = ringWith(damaged, identity);
    for (const action of [() => ring.set(openai, '', secret(OTHER_KEY), undefined), () => ring.remove('openai', ''), () => ring.writeOwn('signing-secret', secret('x')), () => ring.keyOf(openai, '')]) {
      const { reason, message } = await failureOf(action);
      expect(reason).toBe('KEY_STORE_UNAVAILABLE');
      expect(message).toContain(home.ageFile);
    }
    expect(readFileSync(home.ageFile).equals(damaged)).toBe(true);
    writeFileSync(home.ageFile, bytes);
    await ring.unlock(secret(''));
    expect(await keysOf(ring, openai)).toEqual([KEY]);
  });

  it('is not written when it would be too long to be read again', { timeout: 60_000 }, async () => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    const before = readFileSync(home.ageFile);
    expect(await failureOf(() => ring.writeOwn('long', secret('x'.repeat(16 << 20))))).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE', message: expect.stringContaining('nothing was changed') });
    expect([readFileSync(home.ageFile).equals(before), await keysOf(ring, openai)]).toEqual([true, [KEY]]);
  });

  it.each([
    ['that is another', async (path: string) => writeFileSync(path, `${await generateX25519Identity()}\n`), 'encrypted for another identity'],
    ['that is gone', async (path: string) => writeFileSync(`${path}.away`, ''), 'is not there'],
    ['that is damaged', async (path: string) => writeFileSync(path, 'AGE-SECRET-KEY-1X\n'), 'is damaged'],
    ['that others can read', async (path: string) => chmodSync(path, 0o644), 'can be read by others'],
  ])('with an identity %s says so and stays as it is', async (what, change, words) => {
    const identity = await generateX25519Identity();
    const bytes = await encryptedFor(identity, content({ openai: KEY }));
    const { ring, home } = ringWith(bytes, what === 'that is gone' ? undefined : identity);
    await change(home.ageIdentityFile);
    const { reason, message } = await failureOf(() => ring.set(openai, '', secret(OTHER_KEY), undefined));
    expect(reason).toBe('KEY_STORE_UNAVAILABLE');
    expect(message).toContain(words);
    expect(message).not.toContain(identity);
    expect(readFileSync(home.ageFile).equals(bytes)).toBe(true);
  });
});

describe('a passphrase', () => {
  it('is set up on a store without keys, opens it after a restart, and is not kept', { timeout: 60_000 }, async () => {
    const { ring, home } = testRing();
    await ring.writeOwn('signing-secret', secret('own'));
    expect(await failureOf(() => ring.unlock(secret('short')))).toMatchObject({ reason: 'REQUEST_INVALID' });
    expect(await failureOf(() => ring.unlock(secret(PASSPHRASE)))).toMatchObject({ reason: 'REQUEST_INVALID', message: expect.stringContaining('admin') });
    await ring.unlock(secret(PASSPHRASE), { isAdmin: true });
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.lock();
    expect(await failureOf(() => ring.unlock(secret('')))).toMatchObject({ reason: 'KEYS_LOCKED' });
    await ring.close();
    const { ring: again, log } = testRing({ directory: dirname(home.stateDir) });
    expect(await again.status()).toMatchObject({ origin: 'encrypted-file', locked: true });
    expect(await again.recordsOf(openai)).toMatchObject([{ hint: '0001' }]);
    for (const action of [() => again.keysFor(openai), () => again.readOwn('signing-secret'), () => again.set(openai, '', secret(OTHER_KEY), undefined)]) {
      expect(await failureOf(action)).toMatchObject({ reason: 'KEYS_LOCKED' });
    }
    expect(await again.keysFor(provider('ollama'))).toEqual([]);
    expect(await failureOf(() => again.unlock(secret('wrong passphrase')))).toMatchObject({ reason: 'KEYS_LOCKED' });
    await again.unlock(secret(PASSPHRASE));
    expect([await keysOf(again, openai), (await again.readOwn('signing-secret'))?.reveal(), (await again.status()).locked]).toEqual([[KEY], 'own', false]);
    expect(log.join('')).not.toContain(PASSPHRASE);
  });

  it('is refused where an identity opens the file', async () => {
    const { ring } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    expect(await failureOf(() => ring.unlock(secret(PASSPHRASE)))).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'passphrase' }] });
    expect(await keysOf(ring, openai)).toEqual([KEY]);
  });

  it('that is wrong is answered ever later, also when many are tried at once', async () => {
    const { ring } = ringWith(await encryptedWith(PASSPHRASE, content({ openai: KEY })));
    const begin = performance.now();
    const guesses = await Promise.all(Array.from({ length: 5 }, (_, each) => failureOf(() => ring.unlock(secret(`wrong ${each}`)))));
    expect(guesses.map(({ reason }) => reason)).toEqual(Array(5).fill('KEYS_LOCKED'));
    // 0.1 + 0.2 + … + 0.5 s, less the clock's grain.
    expect(performance.now() - begin).toBeGreaterThan(1490);
    await ring.unlock(secret(PASSPHRASE));
    expect(await keysOf(ring, openai)).toEqual([KEY]);
  });

  it('is tried for four others at most, not for who is gone, and forgets no key when it is wrong', async () => {
    const { ring, home } = ringWith(await encryptedWith(PASSPHRASE, content({ openai: KEY, '@own': 'x' })));
    await ring.unlock(secret(PASSPHRASE));
    expect(await keysOf(ring, openai)).toEqual([KEY]);
    const gone = new AbortController();
    const begin = performance.now();
    const first = failureOf(() => ring.unlock(secret('wrong')));
    const waiting = Array.from({ length: 4 }, () => failureOf(() => ring.unlock(secret('wrong'), { signal: gone.signal })));
    expect(await failureOf(() => ring.unlock(secret(PASSPHRASE)))).toMatchObject({ reason: 'DAEMON_OVERLOADED' });
    gone.abort(new Failure('CANCELLED', 'the caller is gone'));
    expect((await Promise.all(waiting)).map(({ reason }) => reason)).toEqual(Array(4).fill('CANCELLED'));
    await ring.unlock(secret(PASSPHRASE));
    expect((await first).reason).toBe('KEYS_LOCKED');
    // Had the four been tried, 0.2 + … + 0.5 s would have been added.
    expect(performance.now() - begin).toBeLessThan(1400);
    await keysOf(ring, openai);
    await failureOf(() => ring.unlock(secret('wrong')));
    rmSync(home.ageFile);
    expect(await keysOf(ring, openai)).toEqual([KEY]);
  });

  it('is worked on while others read', { timeout: 60_000 }, async () => {
    const { ring } = testRing();
    await ring.unlock(secret(PASSPHRASE));
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.writeOwn('own', secret('x'));
    await ring.readOwn('own');
    const order: string[] = [];
    const guess = failureOf(() => ring.unlock(secret('wrong passphrase'))).then(() => order.push('guess'));
    await Promise.all([guess, keysOf(ring, openai).then(() => ring.recordsOf(openai)).then(() => ring.status()).then(() => order.push('read'))]);
    expect(order).toEqual(['read', 'guess']);
  });

  it.each([['21', 'work factor is too high'], ['64', 'invalid'], ['07', 'invalid'], ['+2', 'invalid'], ['2 2', 'invalid']])('with a work factor of %s is refused before any work', async (factor, words) => {
    const bytes = await encryptedWith(PASSPHRASE, content({}));
    const text = Buffer.from(bytes).toString('latin1').replace(/^(-> scrypt \S+) 2$/m, `$1 ${factor}`);
    const { ring } = ringWith(Buffer.from(text, 'latin1'));
    const { reason, message } = await failureOf(() => ring.unlock(secret(PASSPHRASE)));
    expect(reason).toBe('KEY_STORE_UNAVAILABLE');
    expect(message).toContain('damaged');
    expect(message).toContain(factor === '64' ? '' : words);
  });

  it('for two recipients is refused', async () => {
    const bytes = await encryptedWith(PASSPHRASE, content({}));
    const text = Buffer.from(bytes).toString('latin1').replace(/^(-> scrypt [^]*?\n)(---)/m, '$1$1$2');
    const { ring } = ringWith(Buffer.from(text, 'latin1'));
    expect(await failureOf(() => ring.unlock(secret(PASSPHRASE)))).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE' });
  });

  it("does its work beside the daemon's own thread", { timeout: 60_000 }, async () => {
    const { ring } = testRing();
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 10);
    const begin = performance.now();
    await ring.unlock(secret(PASSPHRASE));
    const took = performance.now() - begin;
    clearInterval(timer);
    expect(longest).toBeLessThan(took / 2);
  });
});
