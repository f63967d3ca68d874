import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Attempt_Outcome, type Attempt } from '../../../src/gen/tollgate/v1/content.ts';
import { openaiCompatible } from '../../../src/plugins/openai-compatible.ts';
import { adminDaemon, type AdminDaemon } from '../admin-daemon.ts';
import { mockUpstream, refusingUrl, type MockScript, type MockUpstream } from '../../mock-upstream.ts';
import { ask, bearer, generate, rpcFailure, type Generated } from '../test-daemon.ts';
import { begun, errorEvent, refusal, whole } from './chat-upstream.ts';

const { FAILED, SUCCEEDED } = Attempt_Outcome;

async function upstream(...scripts: readonly MockScript[]): Promise<MockUpstream> {
  const mock = await mockUpstream(...scripts);
  onTestFinished(() => mock.close());
  return mock;
}

const instance = (url: string) => ({ type: 'openai-compatible', base_url: `${url}/v1`, settings: { key_required: false } });

/** A daemon with the provider `a` at this address, and with `b`, which always answers. */
async function withFault(url: string, routing: object = {}): Promise<{ readonly daemon: AdminDaemon; readonly good: MockUpstream }> {
  const good = await upstream(whole('fine'));
  const daemon = await adminDaemon({
    providers: [openaiCompatible],
    config: { providers: { a: instance(url), b: instance(good.url) }, aliases: { both: ['a/m', 'b/m'] }, routing: { max_attempts: 2, first_token_timeout: '400ms', idle_timeout: '300ms', ...routing } },
  });
  return { daemon, good };
}

function attemptsOf({ events, failure }: Generated): readonly Attempt[] {
  const last = events.at(-1)?.event;
  return last?.$case === 'finish' ? last.value.attempts : (failure?.generation?.attempts ?? []);
}
const kinds = ({ events }: Generated) => events.map(({ event }) => event?.$case);

interface Row {
  /** What the upstream does; undefined refuses the connection. */
  readonly script: MockScript | undefined;
  readonly reason: string;
  /** Whether the same provider is asked again. */
  readonly again: boolean;
  /** Whether the next provider of a route is. */
  readonly next: boolean;
  /** What it asked to wait, in milliseconds. */
  readonly hintMs?: readonly [number, number];
  readonly httpStatus?: number;
  /** Whether it was called at all. */
  readonly calls?: boolean;
  readonly text?: string;
}

const rateLimited = (headers: Readonly<Record<string, string>>, error: object = {}): MockScript => refusal(429, { type: 'rate_limit_error', ...error }, headers);

const TABLE: Readonly<Record<string, Row>> = {
  'a refused connection': { script: undefined, reason: 'PROVIDER_UNAVAILABLE', again: true, next: true },
  'a black hole': { script: { silent: true }, reason: 'FIRST_TOKEN_TIMEOUT', again: false, next: true },
  'headers and nothing more': { script: begun([], { ending: 'hold' }), reason: 'FIRST_TOKEN_TIMEOUT', again: false, next: true },
  '429 without a hint': { script: rateLimited({}), reason: 'RATE_LIMITED', again: true, next: true, httpStatus: 429 },
  '429 with retry-after in seconds': { script: rateLimited({ 'retry-after': '1' }), reason: 'RATE_LIMITED', again: true, next: true, hintMs: [1000, 1000], httpStatus: 429 },
  '429 with retry-after as a date': { script: () => refusal(429, { type: 'rate_limit_error' }, { 'retry-after': new Date(Date.now() + 1500).toUTCString() }), reason: 'RATE_LIMITED', again: true, next: true, hintMs: [0, 2000], httpStatus: 429 },
  '429 with retry-after-ms': { script: rateLimited({ 'retry-after-ms': '300' }), reason: 'RATE_LIMITED', again: true, next: true, hintMs: [300, 300], httpStatus: 429 },
  '429 with a hint in words': { script: rateLimited({}, { message: 'Please try again in 350ms.' }), reason: 'RATE_LIMITED', again: true, next: true, hintMs: [350, 350], httpStatus: 429 },
  "429 with Google's RetryInfo": { script: rateLimited({}, { details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0.4s' }] }), reason: 'RATE_LIMITED', again: true, next: true, hintMs: [400, 400], httpStatus: 429 },
  '429 with a hint that is too long to wait for': { script: rateLimited({ 'retry-after': '505' }), reason: 'RATE_LIMITED', again: false, next: true, hintMs: [505_000, 505_000], httpStatus: 429 },
  '429 that is about money': { script: refusal(429, { type: 'insufficient_quota', code: 'insufficient_quota' }), reason: 'PROVIDER_QUOTA_EXHAUSTED', again: false, next: false, httpStatus: 429 },
  '401': { script: refusal(401), reason: 'KEY_REJECTED', again: false, next: false, httpStatus: 401 },
  '402': { script: refusal(402), reason: 'PROVIDER_QUOTA_EXHAUSTED', again: false, next: false, httpStatus: 402 },
  '400': { script: refusal(400), reason: 'REQUEST_REJECTED', again: false, next: false, httpStatus: 400 },
  '400 that is too long': { script: refusal(400, { code: 'context_length_exceeded' }), reason: 'CONTEXT_TOO_LONG', again: false, next: false, httpStatus: 400 },
  '400 of the filter': { script: refusal(400, { code: 'content_filter' }), reason: 'CONTENT_FILTERED', again: false, next: false, httpStatus: 400 },
  '500': { script: refusal(500), reason: 'PROVIDER_UNAVAILABLE', again: true, next: true, httpStatus: 500 },
  '529': { script: refusal(529), reason: 'PROVIDER_OVERLOADED', again: true, next: true, httpStatus: 529 },
  'an error first in a 200 stream': { script: begun([], { last: errorEvent }), reason: 'PROVIDER_OVERLOADED', again: true, next: true, httpStatus: 200 },
  'a cut before any content': { script: begun([], { ending: 'cut' }), reason: 'RESPONSE_TRUNCATED', again: true, next: true },
  'an empty answer': { script: begun([], {}), reason: 'RESPONSE_TRUNCATED', again: true, next: true },
  garbage: { script: { headers: { 'content-type': 'application/json' }, body: '{"choices": [}' }, reason: 'RESPONSE_INVALID', again: false, next: true },
  'events of garbage': { script: { headers: { 'content-type': 'text/event-stream' }, body: 'data: {"choices": not JSON}\n\n' }, reason: 'RESPONSE_TRUNCATED', again: true, next: true },
  'a page in place of an answer': { script: { headers: { 'content-type': 'text/html' }, body: '<html><title>Sign in</title></html>' }, reason: 'RESPONSE_INVALID', again: false, next: true },
  'an error later in a 200 stream': { script: begun(['half'], { last: errorEvent }), reason: 'PROVIDER_OVERLOADED', again: false, next: false, text: 'half', httpStatus: 200 },
  'a cut in the middle': { script: begun(['half'], { ending: 'cut' }), reason: 'RESPONSE_TRUNCATED', again: false, next: false, text: 'half' },
  'a stall in the middle': { script: begun(['half'], { ending: 'hold' }), reason: 'IDLE_TIMEOUT', again: false, next: false, text: 'half' },
};

/** What may pass counts for the health of the provider; the caller's own mistakes, keys and money do not. */
const COUNTS = new Set(['RATE_LIMITED', 'PROVIDER_OVERLOADED', 'PROVIDER_UNAVAILABLE', 'RESPONSE_TRUNCATED', 'RESPONSE_INVALID', 'FIRST_TOKEN_TIMEOUT', 'IDLE_TIMEOUT']);

describe('a provider that fails with', () => {
  it.each(Object.entries(TABLE))('%s, alone', async (_what, row) => {
    const faulty = row.script === undefined ? undefined : await upstream(row.script);
    const { daemon } = await withFault(faulty?.url ?? (await refusingUrl()));
    const startMs = performance.now();
    const generated = await generate(daemon, ask({ model: 'a/m' }));
    const tookMs = performance.now() - startMs;
    const { failure, text } = generated;
    expect([failure?.reason, text, failure?.generation?.partial]).toEqual([row.reason, row.text ?? '', row.text !== undefined]);
    expect(attemptsOf(generated).map(({ provider, outcome, reason, httpStatus }) => [provider, outcome, reason, httpStatus])).toEqual(
      Array.from({ length: row.again ? 2 : 1 }, () => ['a', FAILED, row.reason, row.httpStatus ?? 0]),
    );
    expect(kinds(generated).filter((kind) => kind === 'attemptFailed')).toHaveLength(row.again ? 1 : 0);
    if (faulty !== undefined) expect(faulty.requests).toHaveLength(row.again ? 2 : 1);
    const [least = 0, most] = row.hintMs ?? [];
    if (row.again) expect(tookMs).toBeGreaterThanOrEqual(least - 5);
    if (most === undefined) expect(failure?.retryAfterMs).toBeUndefined();
    else expect(failure?.retryAfterMs).toBeLessThanOrEqual(most);
    const { health } = await daemon.getProvider('a');
    expect(health).toMatchObject({ consecutiveFailures: COUNTS.has(row.reason) ? 1 : 0, lastErrorReason: COUNTS.has(row.reason) ? row.reason : '' });
  });

  it.each(Object.entries(TABLE))('%s, before one that answers', async (_what, row) => {
    const faulty = row.script === undefined ? undefined : await upstream(row.script);
    const { daemon, good } = await withFault(faulty?.url ?? (await refusingUrl()));
    const startMs = performance.now();
    const generated = await generate(daemon, ask({ model: 'both' }));
    expect(good.requests).toHaveLength(row.next ? 1 : 0);
    if (faulty !== undefined) expect(faulty.requests).toHaveLength(1);
    expect(generated.failure?.reason).toBe(row.next ? undefined : row.reason);
    if (!row.next) return;
    expect(generated.text).toBe('fine');
    // Whoever is ready is asked at once: nobody waits for the one that failed.
    if (!row.reason.endsWith('TIMEOUT')) expect(performance.now() - startMs).toBeLessThan(row.hintMs?.[0] || 2000);
    expect(attemptsOf(generated).map(({ provider, outcome, reason }) => [provider, outcome, reason])).toEqual([
      ['a', FAILED, row.reason],
      ['b', SUCCEEDED, ''],
    ]);
    const failed = generated.events.find(({ event }) => event?.$case === 'attemptFailed')?.event;
    expect(failed).toMatchObject({ value: { attempt: 1, provider: 'a', model: 'm', reason: row.reason } });
  });

  it.each(Object.entries(TABLE).filter(([, row]) => row.text !== undefined))('%s, where another may go on with the answer', async (_what, row) => {
    const faulty = await upstream(row.script ?? {});
    const { daemon, good } = await withFault(faulty.url);
    good.answer(whole(' and', ' half'));
    const generated = await generate(daemon, ask({ model: 'both', routing: { onInterrupt: 2 } }));
    expect([generated.text, generated.failure]).toEqual(['half and half', undefined]);
    // Deltas that come together may be joined.
    expect(kinds(generated).filter((kind, at, all) => kind !== all[at - 1])).toEqual(['attemptStarted', 'textDelta', 'attemptFailed', 'attemptStarted', 'textDelta', 'finish']);
    expect(good.requests[0]?.json()).toMatchObject({ messages: [{ role: 'user' }, { role: 'assistant', content: 'half' }] });
    expect(attemptsOf(generated).map(({ outcome }) => outcome)).toEqual([FAILED, SUCCEEDED]);
  });

  it.each([
    ['the caller', '20', 5000],
    ['a call', '61', 600_000],
  ])('a Retry-After that is longer than the time of %s fails at once when it is alone, with the hint', async (_whose, retryAfter, timeMs) => {
    const faulty = await upstream(refusal(429, { type: 'rate_limit_error' }, { 'retry-after': retryAfter }), whole('too late'));
    const { daemon } = await withFault(faulty.url);
    const startMs = performance.now();
    const call = daemon.generateClient.generate(ask({ model: 'a/m' }), bearer(daemon.adminToken), { deadline: Date.now() + timeMs });
    const failure = rpcFailure(await new Promise<ServiceError>((resolve) => call.on('error', resolve).resume()));
    expect([failure.reason, failure.retryAfterMs]).toEqual(['RATE_LIMITED', Number(retryAfter) * 1000]);
    expect(performance.now() - startMs).toBeLessThan(4000);
    expect(faulty.requests).toHaveLength(1);
  });

  it('a 500 is asked once where the config switches retries off', async () => {
    const faulty = await upstream(refusal(500), whole('fine'));
    const { daemon } = await withFault(faulty.url, { retries: false });
    expect((await generate(daemon, ask({ model: 'a/m' }))).failure?.reason).toBe('PROVIDER_UNAVAILABLE');
    expect(faulty.requests).toHaveLength(1);
  });
});
