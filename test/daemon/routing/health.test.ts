import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HealthBook, isFree, type Visit } from '../../../src/daemon/routing/health-book.ts';
import { retryDelayMs } from '../../../src/daemon/routing/retry-delay.ts';
import { RetryBudget } from '../../../src/daemon/routing/retry-budget.ts';
import { virtualClock } from './virtual-clock.ts';

const MINUTE = 60_000;
const KEY = { provider: 'p', label: '' };
const OVERLOADED = { reason: 'PROVIDER_OVERLOADED', retryAfterMs: undefined } as const;

const newBook = () => {
  const clock = virtualClock();
  const book = new HealthBook({ clock });
  return { clock, book, fail: (failure: Parameters<Visit['failed']>[0] = OVERLOADED) => book.begin(KEY).failed(failure), coolsFor: () => book.standing(KEY).coolsForMs };
};

describe('cooldowns', () => {
  it('last 60, 120 and then 300 seconds', () => {
    const { fail, coolsFor } = newBook();
    expect(isFree({ coolsForMs: coolsFor(), isProbed: false, health: undefined })).toBe(true);
    expect([1, 2, 3, 4].map(() => (fail(), coolsFor()))).toEqual([60_000, 120_000, 300_000, 300_000]);
  });

  it.each([
    ['shorter', 5000, 5000],
    ['longer', 600_000, 600_000],
    ['longer than an hour', 86_400_000, 3_600_000],
    ['none', 0, undefined],
  ])('last as long as the provider asks for when that is %s', (_what, retryAfterMs, expected) => {
    const { fail, coolsFor } = newBook();
    fail({ reason: 'RATE_LIMITED', retryAfterMs });
    expect(coolsFor()).toBe(expected);
  });

  it('are over with a whole answer', async () => {
    const { clock, book, fail } = newBook();
    fail();
    fail();
    await clock.advance(2 * MINUTE);
    book.begin(KEY).succeeded();
    expect(book.report(KEY)).toMatchObject({ failures: 0, coolsForMs: undefined, reason: '' });
    fail();
    expect(book.report(KEY)).toMatchObject({ failures: 1, coolsForMs: 60_000, reason: 'PROVIDER_OVERLOADED' });
  });

  it('parity: failures are forgotten with time, one in ten minutes', async () => {
    const { clock, book, fail, coolsFor } = newBook();
    for (let count = 0; count < 3; count++) fail();
    await clock.advance(10 * MINUTE - 1);
    expect(book.report(KEY).failures).toBe(3);
    await clock.advance(1);
    expect(book.report(KEY).failures).toBe(2);
    await clock.advance(10 * MINUTE);
    fail();
    expect(coolsFor()).toBe(120_000);
    await clock.advance(25 * MINUTE);
    expect(book.report(KEY).failures).toBe(0);
    expect(isFree(book.standing(KEY))).toBe(true);
  });

  it('of one key say nothing of another', () => {
    const { book, fail } = newBook();
    fail();
    expect(isFree(book.standing({ provider: 'p', label: 'work' }))).toBe(true);
    expect(isFree(book.standing({ provider: 'q', label: '' }))).toBe(true);
  });

  it('count calls that failed at the same time as one', () => {
    const { book, coolsFor } = newBook();
    const visits = Array.from({ length: 100 }, () => book.begin(KEY));
    for (const visit of visits) visit.failed(OVERLOADED);
    expect([book.report(KEY).failures, coolsFor()]).toEqual([1, 60_000]);
    const [late] = Array.from({ length: 2 }, () => book.begin(KEY));
    late?.failed(OVERLOADED);
    expect(book.report(KEY).failures).toBe(2);
  });

  it('are over when the clock of the machine is put back by a day', () => {
    let wallMs = Date.UTC(2026, 0, 2);
    const book = new HealthBook({ clock: { ...virtualClock(), wallMs: () => wallMs } });
    book.begin(KEY).failed(OVERLOADED);
    wallMs -= 24 * 60 * MINUTE;
    expect(book.standing(KEY).coolsForMs).toBeUndefined();
  });
});

describe('a key whose cooldown is over', () => {
  it('is tried out by one call at a time, until that one gets content', async () => {
    const { clock, book, fail } = newBook();
    fail();
    await clock.advance(MINUTE);
    const probe = book.begin(KEY);
    expect(book.standing(KEY)).toMatchObject({ isProbed: true, coolsForMs: undefined });
    probe.content();
    expect(isFree(book.standing(KEY))).toBe(true);
    expect(book.report(KEY).failures).toBe(1);
    probe.succeeded();
    expect(book.report(KEY).failures).toBe(0);
  });

  it('cools down longer when the probe fails, also behind content', async () => {
    const { clock, book, fail, coolsFor } = newBook();
    fail();
    await clock.advance(MINUTE);
    const probe = book.begin(KEY);
    probe.content();
    probe.failed(OVERLOADED);
    expect([book.report(KEY).failures, coolsFor()]).toEqual([2, 120_000]);
  });

  it('is free for the next probe when the first one learnt nothing', async () => {
    const { clock, book, fail } = newBook();
    fail();
    await clock.advance(MINUTE);
    const woken = book.change(undefined, new AbortController().signal);
    book.begin(KEY).left();
    await woken;
    expect(isFree(book.standing(KEY))).toBe(true);
    book.begin(KEY);
    expect(isFree(book.standing(KEY))).toBe(false);
  });
});

/** The same rules, told as a story: each failure that counted, and when. */
class Story {
  counted: { readonly atMs: number; readonly hintMs: number | undefined }[] = [];

  failuresAt(nowMs: number): number {
    let failures = 0;
    let lastMs = 0;
    for (const { atMs } of [...this.counted, { atMs: nowMs }]) {
      for (let forgottenMs = lastMs + 10 * MINUTE; failures > 0 && forgottenMs <= atMs; forgottenMs += 10 * MINUTE) failures--;
      lastMs = atMs;
      failures++;
    }
    return failures - 1;
  }

  coolsUntil(): number {
    const last = this.counted.at(-1);
    if (last === undefined) return 0;
    const failures = this.failuresAt(last.atMs);
    return last.atMs + (last.hintMs === undefined ? ([0, 60_000, 120_000][failures] ?? 300_000) : Math.min(last.hintMs, 60 * MINUTE));
  }
}

const RUNS = Number(process.env['TOLLGATE_TEST_RUNS'] ?? 20_000);

describe('health, over any history', () => {
  it('counts, cools down and forgets exactly as the rules say, and lets one probe at a time through', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant('fail' as const), hintMs: fc.option(fc.integer({ min: 0, max: 2 * 60 * MINUTE }), { nil: undefined }) }) },
      { weight: 1, arbitrary: fc.constant({ do: 'succeed' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'leave' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'reset' as const }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.integer({ min: 0, max: 25 * MINUTE }), fc.constantFrom(60_000, 120_000, 300_000, 600_000)) }) },
    );
    let steps = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (history) => {
        let nowMs = 0;
        const book = new HealthBook({ clock: { ...virtualClock(), wallMs: () => nowMs } });
        const story = new Story();
        for (const event of history) {
          steps++;
          if (event.do === 'wait') nowMs += event.ms;
          else if (event.do === 'reset') book.reset('p');
          else {
            const wasFree = isFree(book.standing(KEY));
            const visit = book.begin(KEY);
            // Whoever failed and did not answer since is tried out by one call, all others see that.
            if (!wasFree || story.failuresAt(nowMs) > 0) expect(book.standing(KEY).isProbed).toBe(true);
            if (event.do === 'fail') visit.failed({ reason: 'RATE_LIMITED', retryAfterMs: event.hintMs });
            else if (event.do === 'succeed') visit.succeeded();
            else visit.left();
            expect(book.standing(KEY).isProbed).toBe(false);
          }
          if (event.do === 'fail') story.counted.push({ atMs: nowMs, hintMs: event.hintMs });
          if (event.do === 'succeed' || event.do === 'reset') story.counted = [];
          expect(book.report(KEY).failures).toBe(story.failuresAt(nowMs));
          expect(book.report(KEY).coolsForMs ?? 0).toBe(Math.max(0, story.coolsUntil() - nowMs));
        }
      }),
      { numRuns: RUNS },
    );
    expect(steps).toBeGreaterThan(RUNS);
  });
});

describe('a retry', () => {
  it('waits a random part of a span that doubles from 0.25 s to 8 s', () => {
    const longest = [0, 1, 2, 3, 4, 5, 6, 20].map((retries) => retryDelayMs(OVERLOADED, retries, 1));
    expect(longest).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
    expect(retryDelayMs(OVERLOADED, 5, 0)).toBe(0);
  });

  it('waits as long as the provider asks for, up to 60 s, and else is none', () => {
    expect(retryDelayMs({ reason: 'RATE_LIMITED', retryAfterMs: 60_000 }, 0, 0.5)).toBe(60_125);
    expect(retryDelayMs({ reason: 'RATE_LIMITED', retryAfterMs: 60_001 }, 0, 0.5)).toBeUndefined();
  });

  it.each(['REQUEST_REJECTED', 'CONTENT_FILTERED', 'CONTEXT_TOO_LONG', 'KEY_REJECTED', 'FIRST_TOKEN_TIMEOUT', 'DEADLINE', 'INTERNAL'] as const)('is none after %s', (reason) => {
    expect(retryDelayMs({ reason, retryAfterMs: undefined }, 0, 0)).toBeUndefined();
  });

  it('is within the budget: three in ten seconds, or a tenth of the calls', async () => {
    const clock = virtualClock();
    const budget = new RetryBudget(clock);
    const taken = () => Array.from({ length: 100 }, () => budget.take('p')).filter(Boolean).length;
    expect(taken()).toBe(3);
    for (let call = 0; call < 50; call++) budget.count('p');
    expect(taken()).toBe(2);
    expect(budget.take('q')).toBe(true);
    await clock.advance(10_000);
    expect(taken()).toBe(3);
  });
});
