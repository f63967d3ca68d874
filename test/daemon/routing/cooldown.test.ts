import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Attempt_Outcome, type Attempt } from '../../../src/gen/tollgate/v1/content.ts';
import { durationMs } from '../../../src/duration.ts';
import { ErrorClass, ProviderError, started } from '../../../src/plugins/provider.ts';
import { adminDaemon, failureOf, type AdminDaemon } from '../admin-daemon.ts';
import { done, hello, say, scriptedProvider, type ScriptedProvider } from '../scripted-provider.ts';
import { ask, bearer, generate, type Generated } from '../test-daemon.ts';

const { SKIPPED, FAILED, SUCCEEDED } = Attempt_Outcome;

interface Moody extends ScriptedProvider {
  /** The next answers: what each call fails with; undefined answers. The last one stays. */
  mood: (ProviderError | undefined)[];
}

function moody(type: string, ...mood: (ProviderError | undefined)[]): Moody {
  const provider: Moody = Object.assign(
    scriptedProvider(type, async function* () {
      const error = provider.mood.length > 1 ? provider.mood.shift() : provider.mood[0];
      yield started();
      if (error !== undefined) throw error;
      yield say(`from ${type}`);
      yield done();
    }),
    { mood },
  );
  return provider;
}

const full = (retryAfterMs?: number): ProviderError => new ProviderError(ErrorClass.OVERLOADED, 'it is full', { retryAfterMs });
const config = { aliases: { both: ['a/m', 'b/m'] }, routing: { retries: false } };

function attemptsOf({ events, failure }: Generated): readonly Attempt[] {
  const last = events.at(-1)?.event;
  return last?.$case === 'finish' ? last.value.attempts : (failure?.generation?.attempts ?? []);
}
const steps = (generated: Generated) => attemptsOf(generated).map(({ provider, outcome, reason }) => [provider, outcome, reason]);
const both = ask({ model: 'both' });
const healthOf = async (daemon: AdminDaemon, name: string) => (await daemon.getProvider(name)).health;

describe('a provider that failed', () => {
  it('is passed over for the next one, and the caller sees why and until when', async () => {
    const a = moody('a', full());
    const daemon = await adminDaemon({ providers: [a, moody('b', undefined)], config });
    expect(steps(await generate(daemon, both))).toEqual([
      ['a', FAILED, 'PROVIDER_OVERLOADED'],
      ['b', SUCCEEDED, ''],
    ]);
    const second = await generate(daemon, both);
    expect(steps(second)).toEqual([
      ['a', SKIPPED, 'ALL_COOLING_DOWN'],
      ['b', SUCCEEDED, ''],
    ]);
    expect(attemptsOf(second)[0]?.message).toMatch(/^a cools down until 20\d\d-\d\d-\d\dT[\d:]{8}Z after PROVIDER_OVERLOADED$/);
    expect(a.requests).toHaveLength(1);
  });

  it('is shown so in its health, and called at once when that is reset', async () => {
    const a = moody('a', full(), undefined);
    const daemon = await adminDaemon({ providers: [a, moody('b', undefined)], config });
    expect(await healthOf(daemon, 'a')).toMatchObject({ available: true, consecutiveFailures: 0, lastErrorReason: '', lastChecked: undefined, cooldownRemaining: undefined });
    await generate(daemon, both);
    const health = await healthOf(daemon, 'a');
    expect(health).toMatchObject({ available: false, consecutiveFailures: 1, lastErrorReason: 'PROVIDER_OVERLOADED', lastChecked: expect.any(Date) });
    const left = durationMs(health?.cooldownRemaining ?? { seconds: 0n, nanos: 0 });
    expect(left).toBeGreaterThan(55_000);
    expect(left).toBeLessThanOrEqual(60_000);
    await daemon.resetHealth('a');
    expect(await healthOf(daemon, 'a')).toMatchObject({ available: true, consecutiveFailures: 0, lastErrorReason: '' });
    expect((await generate(daemon, both)).text).toBe('from a');
    expect((await failureOf(daemon.resetHealth('nobody'))).reason).toBe('PROVIDER_NOT_FOUND');
  });

  it('cools down over a restart, and the file holds no secret', async () => {
    const a = moody('a', full());
    const daemon = await adminDaemon({ providers: [a, moody('b', undefined)], config });
    await generate(daemon, both);
    const again = await daemon.restart();
    const file = join(again.home, 'state', 'health.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ version: 1, keys: [{ provider: 'a', key_label: '', failures: 1, last_failure: expect.any(String), cools_until: expect.any(String), reason: 'PROVIDER_OVERLOADED' }] });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await healthOf(again, 'a')).toMatchObject({ available: false, consecutiveFailures: 1 });
    expect(steps(await generate(again, both))[0]).toEqual(['a', SKIPPED, 'ALL_COOLING_DOWN']);
    await again.resetHealth('');
    const third = await again.restart();
    expect(await healthOf(third, 'a')).toMatchObject({ available: true, consecutiveFailures: 0 });
  });

  it.each([
    ['is no JSON', 'no JSON'],
    ['is of another shape', '{"keys": 5}'],
    ['has entries of another shape', '{"keys": [5, {"provider": "a"}, {"provider": "a", "key_label": "", "failures": 1e99, "reason": "INTERNAL", "last_failure": "x", "cools_until": "y"}]}'],
    ['cools down until the end of time', JSON.stringify({ keys: [{ provider: 'a', key_label: '', failures: 1, reason: 'RATE_LIMITED', last_failure: '2026-01-01T00:00:00Z', cools_until: '9999-01-01T00:00:00Z' }] })],
  ])('is called where the file of its health %s', async (_what, text) => {
    const daemon = await adminDaemon({ providers: [moody('a', undefined)], config });
    await daemon.daemon.close();
    writeFileSync(join(daemon.home, 'state', 'health.json'), text, { mode: 0o600 });
    const again = await daemon.restart();
    expect((await generate(again, ask({ model: 'a/m' }))).text).toBe('from a');
  });

  it('is tried all the same when it is the only one', async () => {
    const a = moody('a', full(), full(), undefined);
    const daemon = await adminDaemon({ providers: [a], config: { routing: { retries: false } } });
    const request = ask({ model: 'a/m' });
    expect((await generate(daemon, request)).failure?.reason).toBe('PROVIDER_OVERLOADED');
    expect((await generate(daemon, request)).failure?.reason).toBe('PROVIDER_OVERLOADED');
    expect(await healthOf(daemon, 'a')).toMatchObject({ consecutiveFailures: 2 });
    expect((await generate(daemon, request)).text).toBe('from a');
    expect(await healthOf(daemon, 'a')).toMatchObject({ available: true, consecutiveFailures: 0 });
  });

  it('is tried when the others have no key', async () => {
    const a = moody('a', full(), undefined);
    const keyless = scriptedProvider('b', hello, { isLocal: false, key: { required: true, format: '', envNames: [] } });
    const daemon = await adminDaemon({ providers: [a, keyless], config });
    await generate(daemon, both);
    expect((await generate(daemon, both)).text).toBe('from a');
  });

  it.each([
    ['INVALID_REQUEST', ErrorClass.INVALID_REQUEST],
    ['CONTENT_FILTER', ErrorClass.CONTENT_FILTER],
    ['CONTEXT_LENGTH', ErrorClass.CONTEXT_LENGTH],
    ['TOO_LARGE', ErrorClass.TOO_LARGE],
    ['NOT_FOUND', ErrorClass.NOT_FOUND],
    ['AUTH', ErrorClass.AUTH],
    ['BILLING', ErrorClass.BILLING],
  ])('parity: with %s cools nothing down', async (_name, errorClass) => {
    const a = moody('a', new ProviderError(errorClass, 'no'));
    const daemon = await adminDaemon({ providers: [a, moody('b', undefined)], config });
    await generate(daemon, both);
    await generate(daemon, both);
    expect(a.requests).toHaveLength(2);
    expect(await healthOf(daemon, 'a')).toMatchObject({ available: true, consecutiveFailures: 0 });
  });

  it('parity: by being absent or without a key cools nothing down', async () => {
    const absent = moody('a', new ProviderError(ErrorClass.NETWORK, 'nobody', { code: 'ECONNREFUSED' }));
    const keyless = scriptedProvider('k', hello, { isLocal: false, key: { required: true, format: '', envNames: [] } });
    const daemon = await adminDaemon({ providers: [absent, keyless, moody('b', undefined)], config: { aliases: { both: ['a/m', 'k/m', 'b/m'] } } });
    for (let call = 0; call < 3; call++) {
      expect(steps(await generate(daemon, both))).toEqual([
        ['a', SKIPPED, 'PROVIDER_UNAVAILABLE'],
        ['k', SKIPPED, 'KEY_MISSING'],
        ['b', SUCCEEDED, ''],
      ]);
    }
    for (const name of ['a', 'k']) expect(await healthOf(daemon, name)).toMatchObject({ available: true, consecutiveFailures: 0 });
  });

  it('with one key leaves its other keys alone, and a new key is a new beginning', async () => {
    const keyed = moody('a', new ProviderError(ErrorClass.RATE_LIMIT, 'too many', { retryAfterMs: 30_000 }), undefined);
    const provider = { ...keyed, manifest: { ...keyed.manifest, isLocal: false, defaultBaseUrl: 'https://example.invalid', key: { required: true, format: '', envNames: [] } } };
    const daemon = await adminDaemon({ providers: [provider], config: { routing: { retries: false } } });
    for (const label of ['', 'work']) await daemon.setKey({ provider: 'a', label, key: `key-of-${label}` });
    const labels = (generated: Generated) => attemptsOf(generated).map(({ keyLabel, outcome }) => [keyLabel, outcome]);
    expect(labels(await generate(daemon, ask({ model: 'a/m' })))).toEqual([
      ['', FAILED],
      ['work', SUCCEEDED],
    ]);
    expect(labels(await generate(daemon, ask({ model: 'a/m' })))).toEqual([
      ['', SKIPPED],
      ['work', SUCCEEDED],
    ]);
    expect(await healthOf(daemon, 'a')).toMatchObject({ available: true });
    await daemon.setKey({ provider: 'a', key: 'key-that-is-new' });
    expect(labels(await generate(daemon, ask({ model: 'a/m' })))).toEqual([['', SUCCEEDED]]);
  });
});

describe('when every provider of a route cools down', () => {
  it('the call fails at once and says when the next one is back', async () => {
    const daemon = await adminDaemon({ providers: [moody('a', full(40_000)), moody('b', full(20_000))], config });
    await generate(daemon, both);
    const { failure } = await generate(daemon, both);
    expect(failure).toMatchObject({ code: status.UNAVAILABLE, reason: 'ALL_COOLING_DOWN' });
    expect(failure?.message).toMatch(/b is back in (19|20) s/);
    expect(failure?.retryAfterMs).toBeGreaterThan(18_000);
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(20_000);
    expect(failure?.generation?.attempts.map(({ provider, outcome, reason }) => [provider, outcome, reason])).toEqual([
      ['a', SKIPPED, 'ALL_COOLING_DOWN'],
      ['b', SKIPPED, 'ALL_COOLING_DOWN'],
    ]);
  });

  it('a call that may wait does so, and is answered', async () => {
    const daemon = await adminDaemon({ providers: [moody('a', full(1500)), moody('b', full(300), undefined)], config });
    await generate(daemon, both);
    const startMs = performance.now();
    const waited = await generate(daemon, ask({ model: 'both', routing: { waitForCooldown: true } }));
    expect([waited.text, waited.failure]).toEqual(['from b', undefined]);
    expect(performance.now() - startMs).toBeGreaterThan(200);
    expect(steps(waited)).toEqual([
      ['a', SKIPPED, 'ALL_COOLING_DOWN'],
      ['b', SUCCEEDED, ''],
    ]);
  });

  it('a call whose time is too short for that does not wait', async () => {
    const daemon = await adminDaemon({ providers: [moody('a', full()), moody('b', full())], config });
    await generate(daemon, both);
    const startMs = performance.now();
    const call = daemon.generateClient.generate(ask({ model: 'both', routing: { waitForCooldown: true } }), bearer(daemon.adminToken), { deadline: Date.now() + 5000 });
    const failure = await new Promise<{ readonly details: string }>((resolve) => call.on('error', resolve).resume());
    expect(failure.details).toMatch(/cools down/);
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  it('a call that waits ends when its caller goes away', async () => {
    const daemon = await adminDaemon({ providers: [moody('a', full()), moody('b', full())], config });
    await generate(daemon, both);
    const call = daemon.generateClient.generate(ask({ model: 'both', routing: { waitForCooldown: true } }), bearer(daemon.adminToken));
    call.on('error', () => {}).resume();
    while (daemon.daemon.running === 0) await new Promise(setImmediate);
    call.cancel();
    while (daemon.daemon.running > 0) await new Promise(setImmediate);
  });
});
