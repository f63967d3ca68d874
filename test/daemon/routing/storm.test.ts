import { describe, expect, it, onTestFinished } from 'vitest';
import { sleep } from '../../../src/daemon/clock.ts';
import { DEFAULT_CONFIG } from '../../../src/daemon/config/config.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';
import { openaiCompatible } from '../../../src/plugins/openai-compatible.ts';
import { mockUpstream } from '../../mock-upstream.ts';
import { ask, generate, testDaemon } from '../test-daemon.ts';
import { refusal } from './chat-upstream.ts';
import { loopWorld, type CallOptions, type Deed, type Planned } from './loop-world.ts';

/** As they are where the config says nothing. */
const { maxAttempts, retries } = DEFAULT_CONFIG.routing;
const CLIENTS = 100;
const DOWN_MS = 60_000;
const AFTER_MS = 10_000;
const BUCKET_MS = 100;

const down: Deed = { afterMs: 20, end: 'fail', errorClass: ErrorClass.OVERLOADED, retryAfterMs: undefined };
const up: Deed = { afterMs: 200, end: 'answer', errorClass: ErrorClass.OVERLOADED, retryAfterMs: undefined };
const plan = (provider: number): Planned => ({ provider, model: 'm', keys: [''], skip: false });

/** Repeatable noise from 0 to 1. */
function noise(): () => number {
  let state = 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

interface Storm {
  readonly offered: number;
  readonly answered: number;
  /** When the providers were called. */
  readonly callsMs: readonly number[];
}

/** 100 clients call again and again while all providers are down for a minute, and go on for a while when they are back. */
async function storm(providers: number, waitForCooldown: boolean, thinkMs: number): Promise<Storm> {
  const random = noise();
  const world = loopWorld(
    Array.from({ length: providers }, () => (nowMs: number) => (nowMs < DOWN_MS ? down : up)),
    random,
  );
  const options: CallOptions = { route: Array.from({ length: providers }, (_none, at) => plan(at)), mayGoOn: providers > 1, maxAttempts, retries, deadlineMs: 600_000, routing: { waitForCooldown } };
  let offered = 0;
  let answered = 0;
  const signal = new AbortController().signal;
  const client = async (): Promise<void> => {
    while (world.clock.monotonicMs() < DOWN_MS + AFTER_MS) {
      offered++;
      const { failure } = await world.generate(options);
      if (failure === undefined) answered++;
      await sleep(thinkMs * (0.5 + random()), signal, world.clock);
    }
  };
  await world.clock.run(Promise.all(Array.from({ length: CLIENTS }, client)));
  return { offered, answered, callsMs: world.calls.map(({ atMs }) => atMs) };
}

/** The fullest bucket from the first call that was answered on, as a share of the mean. */
function peak(callsMs: readonly number[]): number {
  const first = Math.min(...callsMs.filter((atMs) => atMs >= DOWN_MS));
  const recovery = callsMs.filter((atMs) => atMs >= first && atMs < first + 5000);
  const buckets = Array.from({ length: 5000 / BUCKET_MS }, () => 0);
  for (const atMs of recovery) buckets[Math.floor((atMs - first) / BUCKET_MS)]! += 1;
  return Math.max(...buckets) / (recovery.length / buckets.length);
}

describe('while every provider is down for a minute, 100 clients', () => {
  it.each([
    ['one provider', 1, false, 2000],
    ['one provider, and may wait', 1, true, 300],
    ['two providers', 2, false, 2000],
    ['two providers, and may wait', 2, true, 300],
    ['three providers', 3, false, 1000],
  ])('of %s make no storm, and none when it is back', async (_what, providers, waitForCooldown, thinkMs) => {
    const { offered, answered, callsMs } = await storm(providers, waitForCooldown, thinkMs);
    const whileDown = callsMs.filter((atMs) => atMs < DOWN_MS);
    expect(callsMs.length).toBeLessThanOrEqual(1.1 * offered);
    expect(whileDown.length).toBeGreaterThan(0);
    expect(answered).toBeGreaterThan(0);
    expect(peak(callsMs)).toBeLessThanOrEqual(3);
  }, 60_000);
});

describe('100 calls that come at once', () => {
  it('are repeated for one in ten at most', async () => {
    const world = loopWorld([[down]], noise());
    const calls = Array.from({ length: CLIENTS }, () => world.generate({ route: [plan(0)], mayGoOn: false, maxAttempts, retries, deadlineMs: 600_000 }));
    await world.clock.run(Promise.all(calls));
    expect(world.calls.length).toBeGreaterThan(100);
    expect(world.calls.length).toBeLessThanOrEqual(110);
  });

  it('are repeated for one in ten at most over HTTP, too', async () => {
    const upstream = await mockUpstream(refusal(503));
    onTestFinished(() => upstream.close());
    const daemon = await testDaemon({ providers: [openaiCompatible], config: { providers: { a: { type: 'openai-compatible', base_url: upstream.url, settings: { key_required: false } } }, limits: { streams_per_client: 128 } } });
    const all = await Promise.all(Array.from({ length: CLIENTS }, () => generate(daemon, ask({ model: 'a/m' }))));
    // One connection has room for 64 of them: those that come later find it cooling down.
    expect(all.filter(({ failure }) => failure?.reason === 'PROVIDER_OVERLOADED').length).toBeGreaterThanOrEqual(64);
    expect(all.every(({ failure }) => failure?.reason === 'PROVIDER_OVERLOADED' || failure?.reason === 'ALL_COOLING_DOWN')).toBe(true);
    expect(upstream.requests.length).toBeLessThanOrEqual(1.1 * CLIENTS);
  });

  it('that wait for a cooldown send one ahead, and then go one by one', async () => {
    const world = loopWorld([[down, up], [down, up]], noise());
    const options: CallOptions = { route: [plan(0), plan(1)], mayGoOn: true, maxAttempts: 2, retries: false, deadlineMs: 600_000, routing: { waitForCooldown: true } };
    await world.clock.run(world.generate(options));
    const before = world.calls.length;
    await world.clock.run(Promise.all(Array.from({ length: CLIENTS }, () => world.generate(options))));
    const timesMs = world.calls.slice(before).map(({ atMs }) => atMs);
    const [first = 0] = timesMs;
    expect(timesMs).toHaveLength(CLIENTS);
    // Until the first one has content nobody follows to the same provider.
    expect(timesMs.filter((atMs) => atMs < first + 200).length).toBeLessThanOrEqual(2);
    const perBucket = Map.groupBy(timesMs, (atMs) => Math.floor(atMs / BUCKET_MS));
    expect(Math.max(...[...perBucket.values()].map(({ length }) => length))).toBeLessThanOrEqual(12);
  });
});
