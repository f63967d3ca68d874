import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failureOf, KEY, keysOf, OTHER_KEY, provider, secret, temporaryDirectory, testRing } from './test-ring.ts';

const openai = provider('openai');
const elsewhere = provider('openai', { baseUrl: 'https://elsewhere.example/v1' });

describe('a key that is set', () => {
  it('is used at once, and after a restart', async () => {
    const directory = temporaryDirectory();
    const { ring } = testRing({ directory });
    expect(await ring.keysFor(openai)).toEqual([]);
    await ring.set(openai, '', secret(KEY), 'good');
    expect(await keysOf(ring, openai)).toEqual([KEY]);
    await ring.close();
    expect(await keysOf(testRing({ directory }).ring, openai)).toEqual([KEY]);
  });

  it('stands in no file in the clear, and in no line of the log', async () => {
    const { ring, home, log } = testRing();
    await ring.set(openai, '', secret(KEY), 'good');
    await ring.keysFor(openai);
    const files = readdirSync(home.stateDir).map((name) => readFileSync(join(home.stateDir, name), 'latin1'));
    expect(files.length).toBeGreaterThan(1);
    for (const text of [...files, ...log]) expect(text).not.toContain(KEY);
  });

  it('is known by label, hint, verdict and time, without being read', async () => {
    const { ring } = testRing({ now: () => 1e12 });
    await ring.set(openai, '', secret(KEY), 'good');
    await ring.set(openai, 'work', secret('sk-short'), undefined);
    const common = { origin: 'encrypted-file', envName: '', boundElsewhere: undefined };
    expect(await ring.recordsOf(openai)).toEqual([
      { ...common, label: '', hint: '0001', verdict: 'good', lastChecked: new Date(1e12) },
      { ...common, label: 'work', hint: '', verdict: undefined, lastChecked: undefined },
    ]);
  });

  it('is tried in the order in which the keys were first set, the default one first', async () => {
    const { ring } = testRing();
    for (const [label, key] of [['b', 'sk-b'], ['a', 'sk-a'], ['', 'sk-default'], ['b', 'sk-b-new']] as const) await ring.set(openai, label, secret(key), undefined);
    expect(await keysOf(ring, openai)).toEqual(['sk-default', 'sk-b-new', 'sk-a']);
    expect((await ring.keyOf(openai, 'a'))?.secret.reveal()).toBe('sk-a');
    expect(await ring.keyOf(openai, 'c')).toBeUndefined();
  });

  it('at the same time as others is not lost', async () => {
    const directory = temporaryDirectory();
    const { ring } = testRing({ directory });
    const labels = Array.from({ length: 20 }, (_, each) => `l${each}`);
    await Promise.all([...labels.map((label) => ring.set(openai, label, secret(`sk-${label}`), undefined)), ring.writeOwn('signing-secret', secret('own'))]);
    await ring.close();
    const again = testRing({ directory }).ring;
    expect(await keysOf(again, openai)).toEqual(labels.map((label) => `sk-${label}`));
    expect((await again.readOwn('signing-secret'))?.reveal()).toBe('own');
  });

  it.each([
    ['with a newline', 'sk-a\nb'],
    ['with a CR', 'sk-a\rb'],
    ['with a NUL', 'sk-a\0b'],
    ['with a blank', 'sk-a b'],
    ['of emoji', 'sk-🔑'],
    ['of 1 MB', 'a'.repeat(1 << 20)],
    ['that is empty', ''],
  ])('%s is refused without being quoted', async (_what, key) => {
    const { ring, home } = testRing();
    const { reason, violations, message } = await failureOf(() => ring.set(openai, '', secret(key), undefined));
    expect([reason, violations.map(({ field }) => field)]).toEqual(['REQUEST_INVALID', ['key']]);
    if (key !== '') expect(message).not.toContain(key);
    expect(existsSync(home.stateDir)).toBe(false);
  });

  it.each(['../x', '__proto__', 'CON', 'a'.repeat(256), 'caf\u00e9', 'cafe\u0301', 'a:b', '-a', 'a\n'])('under the label %j is refused', async (label) => {
    const { ring } = testRing();
    expect(await failureOf(() => ring.set(openai, label, secret(KEY), undefined))).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'label' }] });
    expect(await failureOf(() => ring.remove('openai', label))).toMatchObject({ reason: 'REQUEST_INVALID' });
    expect(await failureOf(() => ring.remove(label, ''))).toMatchObject({ violations: [{ field: 'provider' }] });
  });

  it('of the longest kind is kept whole', async () => {
    const { ring } = testRing();
    const longest = 'k'.repeat(16_384);
    await ring.set(openai, 'constructor', secret(longest), undefined);
    expect(await keysOf(ring, openai)).toEqual([longest]);
  });
});

describe('a key that is removed', () => {
  it('cannot be used any more, now and after a restart', async () => {
    const directory = temporaryDirectory();
    const { ring } = testRing({ directory });
    await ring.set(openai, '', secret(KEY), 'good');
    expect(await ring.remove('openai', '')).toBe(true);
    expect([await ring.keysFor(openai), await ring.recordsOf(openai), await ring.remove('openai', '')]).toEqual([[], [], false]);
    await ring.close();
    expect(await testRing({ directory }).ring.keysFor(openai)).toEqual([]);
  });
});

describe("the environment's key", () => {
  const variables = { OPENAI_API_KEY: ` ${KEY} ` };

  it('is used and never written down', async () => {
    const { ring, home } = testRing({ variables });
    expect(await ring.keysFor(openai)).toMatchObject([{ label: '', origin: 'environment' }]);
    expect(await ring.recordsOf(openai)).toEqual([{ label: '', origin: 'environment', hint: '0001', verdict: undefined, lastChecked: undefined, envName: 'OPENAI_API_KEY', boundElsewhere: undefined }]);
    expect(existsSync(home.stateDir)).toBe(false);
  });

  it('comes before stored ones with a label, and is hidden by a stored default key', async () => {
    const { ring } = testRing({ variables });
    await ring.set(openai, 'work', secret(OTHER_KEY), undefined);
    expect(await keysOf(ring, openai)).toEqual([KEY, OTHER_KEY]);
    await ring.set(openai, '', secret('sk-stored'), undefined);
    expect(await keysOf(ring, openai)).toEqual(['sk-stored', OTHER_KEY]);
    expect((await ring.recordsOf(openai)).map(({ origin }) => origin)).toEqual(['encrypted-file', 'encrypted-file']);
    await ring.remove('openai', '');
    expect(await keysOf(ring, openai)).toEqual([KEY, OTHER_KEY]);
  });

  it('goes on when the store fails, but for what a stored key hides', async () => {
    const { ring, home } = testRing({ variables });
    await ring.set(openai, 'work', secret(OTHER_KEY), undefined);
    await ring.close();
    writeFileSync(home.ageFile, 'damaged');
    const again = testRing({ variables, directory: dirname(home.stateDir) }).ring;
    expect(await keysOf(again, openai)).toEqual([KEY]);
  });
});

describe('a refused key', () => {
  it('is passed over while another is there, also after a restart, and until it changes', async () => {
    const directory = temporaryDirectory();
    const { ring } = testRing({ directory });
    await ring.set(openai, '', secret(KEY), 'good');
    await ring.set(openai, 'work', secret(OTHER_KEY), 'good');
    const [first] = await ring.keysFor(openai);
    ring.judge('openai', first!, 'refused');
    expect(await keysOf(ring, openai)).toEqual([OTHER_KEY]);
    expect((await ring.keyOf(openai, ''))?.secret.reveal()).toBe(KEY);
    expect((await ring.recordsOf(openai))[0]?.verdict).toBe('refused');
    await ring.close();
    const again = testRing({ directory }).ring;
    expect(await keysOf(again, openai)).toEqual([OTHER_KEY]);
    await again.set(openai, '', secret('sk-new'), undefined);
    expect(await keysOf(again, openai)).toEqual(['sk-new', OTHER_KEY]);
    // What is said of the old key is not said of the new one.
    again.judge('openai', first!, 'refused');
    await again.set(openai, 'work', secret(OTHER_KEY), 'good');
    expect(await keysOf(again, openai)).toEqual(['sk-new', OTHER_KEY]);
  });

  it('is tried again when it is the only one', async () => {
    const { ring } = testRing({ variables: { OPENAI_API_KEY: KEY } });
    const [key] = await ring.keysFor(openai);
    ring.judge('openai', key!, 'refused');
    expect(await keysOf(ring, openai)).toEqual([KEY]);
    expect((await ring.recordsOf(openai))[0]).toMatchObject({ verdict: 'refused', lastChecked: expect.any(Date) });
    await ring.set(openai, 'work', secret(OTHER_KEY), undefined);
    expect(await keysOf(ring, openai)).toEqual([OTHER_KEY]);
  });
});

describe('a stored key', () => {
  it('is not used for another address than the one it was set for', async () => {
    const { ring } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    expect([await ring.keysFor(elsewhere), await ring.keyOf(elsewhere, '')]).toEqual([[], undefined]);
    expect(await ring.recordsOf(elsewhere)).toMatchObject([{ boundElsewhere: 'https://api.openai.com' }]);
    expect(await keysOf(ring, provider('openai', { baseUrl: 'https://api.openai.com/other/path' }))).toEqual([KEY]);
    for (const baseUrl of ['http://api.openai.com/v1', 'https://api.openai.com:8443/v1', 'https://api.openai.com.evil.example/v1', 'https://api.openai.com@evil.example/v1']) {
      expect(await ring.keysFor(provider('openai', { baseUrl }))).toEqual([]);
    }
    await ring.set(elsewhere, '', secret(KEY), undefined);
    expect([await keysOf(ring, elsewhere), await keysOf(ring, openai)]).toEqual([[KEY], []]);
  });

  it('is not taken for a provider that has no address yet', async () => {
    expect(await failureOf(() => testRing().ring.set(provider('azure'), '', secret(KEY), undefined))).toMatchObject({ reason: 'SETTING_MISSING' });
  });

  it('does not go to its new address when setting it there was cut short', async () => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    // The store refuses: what was known of the old key must hold on.
    chmodSync(home.ageFile, 0o644);
    expect(await failureOf(() => ring.set(elsewhere, '', secret(OTHER_KEY), undefined))).toMatchObject({ reason: 'KEY_STORE_UNAVAILABLE' });
    expect(await ring.keysFor(elsewhere)).toEqual([]);
    expect(await keysOf(ring, openai)).toEqual([KEY]);
  });
});

describe('a locked ring', () => {
  it('has no keys for who has or needs one, and lets the others go on', async () => {
    const { ring } = testRing({ variables: { GROQ_API_KEY: KEY } });
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.writeOwn('signing-secret', secret('own'));
    await ring.readOwn('signing-secret');
    await ring.lock();
    for (const name of ['openai', 'groq', 'anthropic']) expect(await failureOf(() => ring.keysFor(provider(name)))).toMatchObject({ reason: 'KEYS_LOCKED' });
    expect(await ring.keysFor(provider('ollama'))).toEqual([]);
    for (const action of [() => ring.keyOf(openai, ''), () => ring.set(openai, '', secret(KEY), undefined), () => ring.remove('openai', ''), () => ring.readOwn('other'), () => ring.writeOwn('other', secret('x'))]) {
      expect(await failureOf(action)).toMatchObject({ reason: 'KEYS_LOCKED' });
    }
    expect(await ring.recordsOf(openai)).toMatchObject([{ hint: '0001' }]);
    expect(await ring.status()).toMatchObject({ origin: 'encrypted-file', locked: true });
    expect((await ring.readOwn('signing-secret'))?.reveal()).toBe('own');
    await ring.unlock(secret(''));
    expect([await keysOf(ring, openai), (await ring.status()).locked]).toEqual([[KEY], false]);
  });

  it('stays locked over a restart, until it is unlocked', async () => {
    const directory = temporaryDirectory();
    const { ring } = testRing({ directory });
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.lock();
    await ring.close();
    const { ring: again } = testRing({ directory });
    expect(await failureOf(() => again.keysFor(openai))).toMatchObject({ reason: 'KEYS_LOCKED' });
    expect([(await again.status()).locked, await again.keysFor(provider('ollama'))]).toEqual([true, []]);
    await again.unlock(secret(''));
    await again.close();
    expect(await keysOf(testRing({ directory }).ring, openai)).toEqual([KEY]);
  });

  it('is not opened by an unlock that was under way', async () => {
    const { ring } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    const unlocking = failureOf(() => ring.unlock(secret('')));
    await ring.lock();
    expect(await unlocking).toMatchObject({ reason: 'KEYS_LOCKED' });
    expect(await failureOf(() => ring.keysFor(openai))).toMatchObject({ reason: 'KEYS_LOCKED' });
  });

  it("tells its store's own problem all the same", async () => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.lock();
    rmSync(home.ageIdentityFile);
    expect(await ring.status()).toMatchObject({ locked: true, problem: expect.stringContaining(home.ageIdentityFile) });
  });
});

describe('the number of keys', () => {
  it('is bounded for a provider, where a key that is there can still be changed', async () => {
    const { ring, home } = testRing();
    await ring.set(openai, '', secret(KEY), undefined);
    await ring.close();
    const index: { keys: object[] } = JSON.parse(readFileSync(home.keysFile, 'utf8'));
    const listed = (label: string, of = 'openai'): object => ({ ...index.keys[0], label, provider: of });
    const rewrite = (keys: readonly object[]): void => writeFileSync(home.keysFile, JSON.stringify({ ...index, keys }));
    const directory = dirname(home.stateDir);
    rewrite([...index.keys, ...Array.from({ length: 63 }, (_, each) => listed(`l${each}`))]);
    const full = testRing({ directory }).ring;
    expect(await failureOf(() => full.set(openai, 'more', secret(KEY), undefined))).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'label' }] });
    await full.set(openai, '', secret(OTHER_KEY), undefined);
    await full.set(provider('groq'), '', secret(KEY), undefined);
    await full.close();
    rewrite([...index.keys, ...Array.from({ length: 1023 }, (_, each) => listed('', `p${each}`))]);
    expect(await failureOf(() => testRing({ directory }).ring.set(openai, 'more', secret(KEY), undefined))).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'label' }] });
  });
});
