import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Attempt_Outcome } from '../../../src/gen/tollgate/v1/content.ts';
import { RoutingOptions_OnInterrupt as OnInterrupt } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';
import { toDuration } from '../../../src/duration.ts';
import { loopWorld, type CallOptions, type Deed, type Outcome, type Planned } from './loop-world.ts';

const { SKIPPED, FAILED, SUCCEEDED, CANCELLED } = Attempt_Outcome;

const RETRYABLE_CLASSES = [ErrorClass.RATE_LIMIT, ErrorClass.OVERLOADED, ErrorClass.SERVER, ErrorClass.TRUNCATED, ErrorClass.INVALID_RESPONSE];
const OTHER_CLASSES = [ErrorClass.INVALID_REQUEST, ErrorClass.CONTENT_FILTER, ErrorClass.CONTEXT_LENGTH, ErrorClass.AUTH, ErrorClass.BILLING];
const RETRYABLE = new Set(['RATE_LIMITED', 'PROVIDER_OVERLOADED', 'PROVIDER_UNAVAILABLE', 'RESPONSE_TRUNCATED', 'RESPONSE_INVALID', 'CONNECT_TIMEOUT', 'FIRST_TOKEN_TIMEOUT', 'IDLE_TIMEOUT', 'ATTEMPT_TIMEOUT']);

const deed: fc.Arbitrary<Deed> = fc.record({
  afterMs: fc.constantFrom(0, 10, 700, 3000),
  end: fc.constantFrom('answer', 'answer', 'fail', 'fail', 'fail', 'break', 'hang', 'stall', 'absent', 'unfit'),
  errorClass: fc.constantFrom(...RETRYABLE_CLASSES, ...RETRYABLE_CLASSES, ...OTHER_CLASSES),
  retryAfterMs: fc.constantFrom(undefined, undefined, undefined, 0, 1500, 60_000, 61_000, 3_000_000),
});

const planned: fc.Arbitrary<Planned> = fc.record({
  provider: fc.integer({ min: 0, max: 2 }),
  model: fc.constantFrom('m1', 'm2'),
  keys: fc.constantFrom([''], [''], ['', 'work']),
  skip: fc.constantFrom(false, false, false, true),
});

const call: fc.Arbitrary<CallOptions & { readonly gapMs: number }> = fc.record({
  route: fc.uniqueArray(planned, { minLength: 1, maxLength: 4, selector: ({ provider, model }) => `${provider}/${model}` }),
  mayGoOn: fc.boolean(),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  retries: fc.boolean(),
  deadlineMs: fc.constantFrom(50, 20_000, 600_000),
  routing: fc.record({
    waitForCooldown: fc.boolean(),
    onInterrupt: fc.constantFrom(OnInterrupt.FAIL, OnInterrupt.CONTINUE),
    hedgeAfter: fc.constantFrom(undefined, undefined, toDuration(500)),
  }),
  gapMs: fc.constantFrom(0, 0, 100, 61_000, 700_000),
});

/** Every event names an attempt, deltas come from the one that was announced last, and only a good end has a finish. */
function checkEvents({ events, failure }: Outcome): void {
  let current = '';
  let hasContent = false;
  for (const [at, { $case, value }] of events.entries()) {
    if ($case === 'attemptStarted') current = value.provider;
    if ($case === 'attemptFailed') expect(value.reason).not.toBe('');
    if ($case === 'textDelta') {
      expect(current).not.toBe('');
      if (value.text !== 'end') expect(value.text).toBe(`${current}:`);
      hasContent = true;
      expect(value.part).toBe(0);
    }
    expect($case === 'finish').toBe(failure === undefined && at === events.length - 1);
  }
  if (failure === undefined) expect(hasContent).toBe(true);
}

function checkOutcome(outcome: Outcome, options: CallOptions): void {
  const { record, failure, startMs, endMs } = outcome;
  const made = record.attempts.filter(({ outcome: how }) => how !== SKIPPED);
  expect(made.length).toBeLessThanOrEqual(options.maxAttempts);
  record.attempts.forEach(({ attempt, outcome: how, reason, message }, at) => {
    expect(attempt).toBe(at + 1);
    expect([SKIPPED, FAILED, SUCCEEDED, CANCELLED]).toContain(how);
    expect(reason === '' || message === '').toBe(how === SUCCEEDED);
  });
  expect(endMs - startMs).toBeLessThanOrEqual(options.deadlineMs);
  expect(record.attempts.filter(({ outcome: how }) => how === SUCCEEDED)).toHaveLength(failure === undefined ? 1 : 0);
  for (const { provider, model } of made) {
    expect(options.route.some((each) => !each.skip && `p${each.provider}/${each.model}` === `${provider}/${model}`)).toBe(true);
  }
  if (!options.mayGoOn) expect(new Set(made.map(({ provider, model }) => `${provider}/${model}`)).size).toBeLessThanOrEqual(1);
  if (!options.retries) expect(new Set(made.map(({ provider, model, keyLabel }) => `${provider}/${model}/${keyLabel}`)).size).toBe(made.length);
  // Whoever cannot take the request is passed over, and asked no second time; where somebody was called, that is what is told.
  const unfit = record.attempts.filter(({ reason }) => reason === 'REQUEST_INVALID');
  for (const { outcome: how } of unfit) expect(how).toBe(SKIPPED);
  expect(new Set(unfit.map(({ provider, model }) => `${provider}/${model}`)).size).toBe(unfit.length);
  if (failure?.reason === 'REQUEST_INVALID') expect(made).toEqual([]);
  if (failure?.reason === 'ALL_COOLING_DOWN') {
    expect(failure.retryAfterMs).toBeGreaterThan(0);
    expect(made).toEqual([]);
  }
  // Nobody goes on behind the caller's own mistake.
  const mistake = made.findIndex(({ reason }) => ['REQUEST_REJECTED', 'CONTENT_FILTERED', 'CONTEXT_TOO_LONG'].includes(reason));
  if (mistake >= 0 && options.routing?.hedgeAfter === undefined) expect(mistake).toBe(made.length - 1);
  if (outcome.events.some(({ $case }) => $case === 'textDelta') && options.routing?.onInterrupt !== OnInterrupt.CONTINUE) {
    const shown = outcome.events.findIndex(({ $case }) => $case === 'textDelta');
    expect(outcome.events.slice(shown).some(({ $case }) => $case === 'attemptStarted' || $case === 'attemptFailed')).toBe(false);
  }
}

/** Calls one after the other teach the health exactly what their attempts say. */
function checkHealth(failuresOf: (id: string) => number, outcomes: readonly Outcome[]): void {
  const failures = new Map<string, number>();
  for (const { record } of outcomes) {
    const counted = new Set<string>();
    const called = record.attempts.filter(({ outcome, reason }) => outcome !== SKIPPED || ONLY_THE_PLUGIN_KNEW.has(reason));
    for (const [at, { provider, model, keyLabel, outcome, reason }] of called.entries()) {
      const id = `${provider}/${keyLabel}`;
      const next = called[at + 1];
      if (outcome === SUCCEEDED) failures.set(id, 0);
      // Of those that were asked again at once only the last word counts; one that is gone says nothing.
      const isLast = next === undefined || next.provider !== provider || next.model !== model || next.keyLabel !== keyLabel || next.outcome === SKIPPED;
      if (outcome !== FAILED || !isLast || !RETRYABLE.has(reason) || counted.has(id)) continue;
      counted.add(id);
      failures.set(id, (failures.get(id) ?? 0) + 1);
    }
  }
  for (const [id, expected] of failures) expect([id, failuresOf(id)]).toEqual([id, expected]);
}

/** Skips that came to light only when the plugin was asked. */
const ONLY_THE_PLUGIN_KNEW = new Set(['PROVIDER_UNAVAILABLE', 'REQUEST_INVALID']);

/** As many as fit into some seconds; TOLLGATE_TEST_RUNS=100000 is the long run. */
const ASKED = process.env['TOLLGATE_TEST_RUNS'];
const RUNS = Number(ASKED ?? 20_000);
const LIMIT = ASKED === undefined ? { interruptAfterTimeLimit: 6000, markInterruptAsFailure: false } : {};

describe('the attempt loop, over any history', () => {
  it('keeps to the route, its limits and its promises', async () => {
    let attempts = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(deed, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 3 }), fc.array(call, { minLength: 1, maxLength: 5 }), fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), async (scripts, calls, randoms) => {
        const world = loopWorld(scripts, () => randoms.next().value ?? 0);
        const running: Promise<Outcome>[] = [];
        for (const options of calls) {
          running.push(world.generate(options));
          await world.clock.advance(options.gapMs);
        }
        const outcomes = await world.clock.run(Promise.all(running));
        outcomes.forEach((outcome, at) => {
          checkOutcome(outcome, calls[at]!);
          checkEvents(outcome);
          attempts += outcome.record.attempts.length;
        });
        const known = outcomes.flatMap(({ record }) => record.attempts);
        // A skip that was planned, or that a cooldown made, reaches no plugin.
        expect(world.calls).toHaveLength(known.filter(({ outcome, reason }) => outcome !== SKIPPED || ONLY_THE_PLUGIN_KNEW.has(reason)).length);
      }),
      { numRuns: RUNS, ...LIMIT },
    );
    expect(attempts).toBeGreaterThan(1000);
  }, 600_000);

  it('teaches the health of each key once a call', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(deed, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 3 }), fc.array(call, { minLength: 1, maxLength: 4 }), async (scripts, calls) => {
        const world = loopWorld(scripts);
        const outcomes: Outcome[] = [];
        for (const options of calls) outcomes.push(await world.clock.run(world.generate({ ...options, routing: { ...options.routing, hedgeAfter: undefined } })));
        // Nothing is forgotten yet.
        fc.pre(world.clock.monotonicMs() < 600_000);
        checkHealth((id) => world.traffic.health.report({ provider: id.split('/')[0]!, label: id.split('/')[1]! }).failures, outcomes);
      }),
      { numRuns: RUNS / 2, ...LIMIT },
    );
  }, 600_000);
});
