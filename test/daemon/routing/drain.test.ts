import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toDuration } from '../../../src/duration.ts';
import { Attempt_Outcome, Cost_Provenance } from '../../../src/gen/tollgate/v1/content.ts';
import { UsageSource } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { generationText } from '../../../src/clients/cli/why.ts';
import { groq } from '../../../src/plugins/groq.ts';
import { together } from '../../../src/plugins/together.ts';
import type { Provider } from '../../../src/plugins/provider.ts';
import { mockUpstream, type MockAnswer, type MockUpstream } from '../../mock-upstream.ts';
import { hangUp } from '../hang-up.ts';
import { onlySettled, settled } from '../settled-generations.ts';
import { hello, scriptedProvider } from '../scripted-provider.ts';
import { ask, generate, testDaemon, type TestDaemon } from '../test-daemon.ts';
import { chunk } from './chat-upstream.ts';

const EVENTS = { 'content-type': 'text/event-stream' };
const last = (output: number): string =>
  `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: { prompt_tokens: 70, completion_tokens: output, total_tokens: 70 + output } })}\n\n`;
/** $2 a million tokens in, $10 out. */
const PRICES = { '*/*': { input: '2', output: '10' } };
const costOf = (output: number): bigint => 70n * 2_000_000n + BigInt(output) * 10_000_000n;

/** Says "one two ", waits, and goes on. */
const waiting = (gate: Promise<unknown>, ...rest: readonly string[]): MockAnswer => ({
  headers: EVENTS,
  body: [chunk('one '), chunk('two ')],
  rest: (async function* () {
    await gate;
    yield* rest;
  })(),
});
const WHOLE = [chunk('three'), last(30), 'data: [DONE]\n\n'];

interface Scene {
  readonly daemon: TestDaemon;
  readonly upstream: MockUpstream;
}

/** A daemon with Groq, which bills on, and Together, which does not; both are our upstream. */
async function scene(script: () => MockAnswer, config: object = {}, more: readonly Provider[] = []): Promise<Scene> {
  const upstream = await mockUpstream(script);
  onTestFinished(() => upstream.close());
  const providers = { groq: { base_url: upstream.url }, together: { base_url: upstream.url } };
  return { upstream, daemon: await testDaemon({ providers: [groq, together, ...more], variables: { GROQ_API_KEY: 'gsk_test', TOGETHER_API_KEY: 'tgp_test' }, config: { providers, prices: PRICES, ...config } }) };
}

const request = (model = 'groq/m', fields: object = {}) => ask({ model, maxOutputTokens: 1000, ...fields });

describe('an answer that is billed to its end, whoever hangs up', () => {
  it('is read on for what the provider says of its cost, while its caller is gone at once', async () => {
    const gate = Promise.withResolvers<void>();
    const { daemon, upstream } = await scene(() => waiting(gate.promise, ...WHOLE), { limits: { streams: 1 } });
    expect((await hangUp(daemon, request(), 'one two ')).code).toBe(status.CANCELLED);
    const asked = await upstream.nextRequest();
    // Its place is free: there is only one.
    upstream.answer({ headers: EVENTS, body: [chunk('hello'), last(5), 'data: [DONE]\n\n'] });
    expect((await generate(daemon, request('together/m'))).failure).toBeUndefined();
    expect(await settled(daemon, 1)).toMatchObject([{ provider: 'together' }]);
    gate.resolve();
    expect(await asked.closed).toBe('answered');
    const [generation] = await settled(daemon, 2);
    expect(generation).toMatchObject({
      provider: 'groq', statusReason: 'CANCELLED', usageSource: UsageSource.REPORTED, usage: { inputTokens: 70n, outputTokens: 30n },
      cost: { provenance: Cost_Provenance.PRICED, expectedPicoUsd: costOf(30) }, attempts: [{ outcome: Attempt_Outcome.CANCELLED, usage: { outputTokens: 30n }, cost: { expectedPicoUsd: costOf(30) } }],
    });
    const text = generationText(generation!);
    expect(text).toMatch(/tokens +70 in, 30 out, as the provider says/);
    expect(text).toContain('the caller went away; groq bills to the end all the same, and the rest was read for its usage (CANCELLED)');
  });

  it('is closed at once where hanging up ends the billing', async () => {
    const { daemon, upstream } = await scene(() => waiting(new Promise(() => {})));
    await hangUp(daemon, request('together/m'), 'one two ');
    expect(await (await upstream.nextRequest()).closed).toBe('aborted');
    expect(await onlySettled(daemon)).toMatchObject({ statusReason: 'CANCELLED', usageSource: UsageSource.ESTIMATED });
  });

  it('is read on when its attempt has taken too long', async () => {
    const gate = Promise.withResolvers<void>();
    const { daemon, upstream } = await scene(() => waiting(gate.promise, ...WHOLE));
    const { failure } = await generate(daemon, request('groq/m', { routing: { attemptTimeout: toDuration(200) } }));
    expect(failure?.reason).toBe('ATTEMPT_TIMEOUT');
    expect(failure?.generation?.cost).toMatchObject({ provenance: Cost_Provenance.ESTIMATED });
    gate.resolve();
    expect(await (await upstream.nextRequest()).closed).toBe('answered');
    expect(await onlySettled(daemon)).toMatchObject({ statusReason: 'ATTEMPT_TIMEOUT', usageSource: UsageSource.REPORTED, cost: { expectedPicoUsd: costOf(30) } });
  });

  it('is read on when it has cost what was left of the budget: the caller is told at once, and the books know all of it', async () => {
    const gate = Promise.withResolvers<void>();
    const tooMuch = chunk('many words '.repeat(1000));
    const rest = async function* () {
      yield tooMuch;
      await gate.promise;
      yield* [last(2800), 'data: [DONE]\n\n'];
    };
    const { daemon } = await scene(() => ({ headers: EVENTS, rest: rest() }), { tiers: { admin: { usd: { month: '0.02' } } } });
    const { failure } = await generate(daemon, request());
    expect(failure?.reason).toBe('BUDGET_EXCEEDED');
    expect(failure?.generation?.cost).toMatchObject({ provenance: Cost_Provenance.ESTIMATED });
    gate.resolve();
    expect(await onlySettled(daemon)).toMatchObject({ statusReason: 'BUDGET_EXCEEDED', usageSource: UsageSource.REPORTED, cost: { provenance: Cost_Provenance.PRICED, expectedPicoUsd: costOf(2800) } });
  });

  it('is read no further than 64 KB', async () => {
    const gate = Promise.withResolvers<void>();
    const { daemon, upstream } = await scene(() => waiting(gate.promise, ...Array.from({ length: 70 }, () => chunk('x'.repeat(1024))), ...WHOLE));
    await hangUp(daemon, request(), 'one two ');
    gate.resolve();
    expect(await (await upstream.nextRequest()).closed).toBe('aborted');
    const generation = await onlySettled(daemon);
    expect(generation).toMatchObject({ usageSource: UsageSource.ESTIMATED, cost: { provenance: Cost_Provenance.ESTIMATED } });
    // What was read of the rest counts in the estimate.
    expect(generation.usage?.outputTokens).toBeGreaterThan(64n * 256n);
    expect(generationText(generation)).toContain('groq bills to the end all the same, but the end of the rest did not come');
  });

  it('is estimated where it breaks, with what the provider had said until then', async () => {
    const gate = Promise.withResolvers<void>();
    const { daemon } = await scene(() => ({ ...waiting(gate.promise), ending: 'cut' }));
    await hangUp(daemon, request(), 'one two ');
    gate.resolve();
    expect(await onlySettled(daemon)).toMatchObject({ statusReason: 'CANCELLED', usageSource: UsageSource.ESTIMATED });
  });

  it('costs nothing where the provider refuses it after all', async () => {
    const gate = Promise.withResolvers<MockAnswer>();
    const upstream = await mockUpstream(() => gate.promise);
    onTestFinished(() => upstream.close());
    const daemon = await testDaemon({ providers: [groq], variables: { GROQ_API_KEY: 'gsk_test' }, config: { providers: { groq: { base_url: upstream.url } }, prices: PRICES } });
    const call = hangUp(daemon, request(), '');
    const asked = await upstream.nextRequest();
    await call;
    await expect.poll(() => daemon.log.some((line) => line.includes('generation failed')), { interval: 5 }).toBe(true);
    gate.resolve({ status: 429, headers: { 'content-type': 'application/json' }, body: '{"error":{"message":"too many"}}' });
    await asked.closed;
    expect(await onlySettled(daemon)).toMatchObject({ statusReason: 'CANCELLED', cost: { provenance: Cost_Provenance.FREE, expectedPicoUsd: 0n } });
  });

  it('is one of eight at most: the ninth is closed at once', async () => {
    const gate = Promise.withResolvers<void>();
    const { daemon, upstream } = await scene(() => waiting(gate.promise, ...WHOLE));
    for (let at = 0; at < 9; at++) await hangUp(daemon, request(), 'one two ');
    const ends = upstream.requests.map(({ closed }) => closed);
    expect(await ends[8]).toBe('aborted');
    expect(await settled(daemon, 1)).toMatchObject([{ usageSource: UsageSource.ESTIMATED }]);
    gate.resolve();
    expect(await Promise.all(ends.slice(0, 8))).toEqual(Array.from({ length: 8 }, () => 'answered'));
    expect((await settled(daemon, 9)).filter(({ usageSource }) => usageSource === UsageSource.REPORTED)).toHaveLength(8);
  });

  it('ends with the daemon, and is in the books by then', async () => {
    const { daemon, upstream } = await scene(() => waiting(new Promise(() => {})));
    await hangUp(daemon, request(), 'one two ');
    const startMs = performance.now();
    await daemon.daemon.close(true);
    expect(performance.now() - startMs).toBeLessThan(5000);
    expect(await (await upstream.nextRequest()).closed).toBe('aborted');
    const again = await testDaemon({ home: daemon.environment });
    expect(await onlySettled(again)).toMatchObject({ statusReason: 'CANCELLED', usageSource: UsageSource.ESTIMATED });
    expect(again.log.join('')).not.toContain('did not end well');
  });
});

describe('an answer that another one was faster than', () => {
  const hedged = () => ask({ model: 'both', maxOutputTokens: 1000, routing: { hedgeAfter: toDuration(20) } });
  const both = { aliases: { both: ['groq/m', 'fast/m'] } };

  it('is read on while the other one answers, where it is billed on', async () => {
    const fast = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<void>();
    const rest = async function* () {
      await begun.promise;
      yield* WHOLE;
    };
    const answering = scriptedProvider('fast', async function* () {
      for await (const event of hello()) {
        yield event;
        if (event.$case !== 'textDelta') continue;
        begun.resolve();
        await fast.promise;
      }
    }, { isLocal: false });
    const { daemon, upstream } = await scene(() => ({ headers: EVENTS, rest: rest() }), both, [answering]);
    const running = generate(daemon, hedged());
    void upstream.nextRequest().then(async ({ closed }) => {
      expect(await closed).toBe('answered');
      slow.resolve();
    });
    await slow.promise;
    fast.resolve();
    const { text, failure } = await running;
    expect([text, failure]).toEqual(['hello', undefined]);
    const { attempts, cost } = await onlySettled(daemon);
    expect(attempts).toMatchObject([{ provider: 'groq', outcome: Attempt_Outcome.CANCELLED, usage: { outputTokens: 30n } }, { provider: 'fast', outcome: Attempt_Outcome.SUCCEEDED }]);
    expect(cost).toMatchObject({ provenance: Cost_Provenance.PRICED, expectedPicoUsd: costOf(30) + 3n * 2_000_000n + 2n * 10_000_000n });
  });

  it('holds up no finish: it is closed then', async () => {
    const { daemon, upstream } = await scene(() => ({ headers: EVENTS, ending: 'hold' }), both, [scriptedProvider('fast', hello, { isLocal: false })]);
    const { text, failure } = await generate(daemon, hedged());
    expect([text, failure]).toEqual(['hello', undefined]);
    expect(await (await upstream.nextRequest()).closed).toBe('aborted');
    expect(await onlySettled(daemon)).toMatchObject({ usageSource: UsageSource.ESTIMATED, cost: { provenance: Cost_Provenance.ESTIMATED } });
  });
});
