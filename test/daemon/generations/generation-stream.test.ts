import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Failure } from '../../../src/daemon/failure.ts';
import { GenerationStream } from '../../../src/daemon/generations/generation-stream.ts';
import type { StreamReader } from '../../../src/daemon/generations/stream-reader.ts';
import type { GenerateResponse } from '../../../src/gen/tollgate/v1/generate_service.ts';
import type { GenerateEvent } from '../../../src/daemon/routing/generation.ts';

const text = (value: string): GenerateEvent => ({ $case: 'textDelta', value: { part: 0, text: value, refusal: false, providerMetadataJson: {} } });
const textOf = ({ event }: GenerateResponse): string => (event?.$case === 'textDelta' ? event.value.text : '');
const gone = new Failure('CANCELLED', 'gone');

function counted() {
  let held = 0;
  return {
    get held() {
      return held;
    },
    isShort: false,
    spend(bytes: number) {
      held += bytes;
    },
  };
}

/** A connection that takes what was written when it is told to. */
class Connection {
  readonly got: GenerateResponse[] = [];
  readonly from: number;
  ended: 'well' | Failure | undefined;
  #untaken: (() => void)[] = [];
  readonly reader: StreamReader;

  constructor(stream: GenerationStream, afterSeq: number | undefined) {
    this.from = afterSeq === undefined ? 0 : afterSeq + 1;
    this.reader = stream.attach(afterSeq === undefined ? undefined : BigInt(afterSeq), (response, done) => {
      this.got.push(response);
      this.#untaken.push(done);
    });
    this.reader.done.then(
      () => (this.ended = 'well'),
      (error: unknown) => (this.ended = error as Failure),
    );
  }

  take(count = Number.POSITIVE_INFINITY): void {
    // What is taken makes room for more to be written.
    for (let taken = 0; taken < count && this.#untaken.length > 0; taken++) this.#untaken.shift()?.();
  }
}

const sizes = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 20 }) }, { weight: 3, arbitrary: fc.integer({ min: 20_000, max: 90_000 }) }, { weight: 1, arbitrary: fc.integer({ min: 250_000, max: 1_500_000 }) });
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('emit' as const), size: sizes, times: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('attach' as const), back: fc.option(fc.nat(60), { nil: undefined }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const), who: fc.nat(9), count: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat(9), lost: fc.boolean() }) },
);

/** Plays a history and checks what every reader was given. */
async function play(keyed: boolean, steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[], failure: Failure | undefined): Promise<void> {
  const budget = counted();
  const stream = new GenerationStream({ client: 'c', keyed, budget });
  const all: Connection[] = [new Connection(stream, undefined)];
  const left = new Set<Connection>();
  let written = '';
  let count = 0;
  const live = (who: number): Connection | undefined => {
    const open = all.filter((each) => !left.has(each) && each.ended === undefined);
    return open[who % Math.max(open.length, 1)];
  };

  for (const each of steps) {
    if (each.kind === 'emit') {
      for (let at = 0; at < each.times; at++) {
        const piece = `${count++}`.padEnd(each.size, '.');
        written += piece;
        const room = stream.emit(text(piece));
        // The provider is read no further: whoever can takes what it has.
        if (room === undefined) continue;
        if (stream.signal.aborted) throw new Error('nobody waits in a cancelled generation');
        break;
      }
    } else if (each.kind === 'attach') {
      const last = Number(all.map(({ got }) => got.at(-1)?.seq ?? -1n).reduce((a, b) => (a > b ? a : b)));
      const after = each.back === undefined || last - each.back < 0 ? undefined : last - each.back;
      try {
        all.push(new Connection(stream, after));
      } catch (error) {
        expect(error).toMatchObject({ reason: 'RESUME_EXPIRED' });
      }
    } else if (each.kind === 'take') live(each.who)?.take(each.count);
    else {
      const reader = live(each.who);
      if (reader === undefined) continue;
      left.add(reader);
      stream.leave(reader.reader, gone, each.lost);
    }
    await Promise.resolve();
  }
  stream.settle(failure);
  for (const each of all) if (!left.has(each)) each.take();
  await new Promise(setImmediate);

  const whole = all[0];
  for (const each of all) {
    expect(each.got.map(({ seq }) => Number(seq))).toEqual(each.got.map((_event, at) => each.from + at));
    if (left.has(each)) continue;
    const fellBehind = each.ended instanceof Failure && each.ended.reason === 'RESUME_EXPIRED';
    if (fellBehind) expect(all.length).toBeGreaterThan(1);
    else expect(each.ended).toBe(failure ?? 'well');
    if (each.from === 0 && !fellBehind) expect(each.got.map(textOf).join('') === written).toBe(true);
  }
  // Whoever left was given the beginning of the same.
  if (whole !== undefined) expect(written.startsWith(whole.got.map(textOf).join(''))).toBe(true);
  const bySeq = new Map<bigint, string>();
  for (const response of all.flatMap(({ got }) => got)) {
    expect(bySeq.get(response.seq) ?? textOf(response)).toBe(textOf(response));
    bySeq.set(response.seq, textOf(response));
  }
  stream.drop();
  expect(budget.held).toBe(0);
}

describe('whatever readers come, take, lag and go', () => {
  it.each([true, false])('each is given the events behind its own last one, without gap or repetition (keyed: %s)', async (keyed) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, fails) => play(keyed, steps, fails ? new Failure('PROVIDER_UNAVAILABLE', 'broke') : undefined)),
      { numRuns: 400 },
    );
  }, 60_000);
});

describe('a stream with one reader and no idempotency key', () => {
  it('holds no more than its last 16 events or 16 KiB, and never cuts its reader', async () => {
    const budget = counted();
    const stream = new GenerationStream({ client: 'c', keyed: false, budget });
    const reader = new Connection(stream, undefined);
    for (let at = 0; at < 1000; at++) {
      void stream.emit(text('a token'));
      expect(budget.held).toBeLessThanOrEqual(16 * 300);
    }
    void stream.emit(text('x'.repeat(3_000_000)));
    expect(budget.held).toBeLessThanOrEqual(16 * 1024);
    stream.settle();
    reader.take();
    await new Promise(setImmediate);
    expect(reader.ended).toBe('well');
    expect(reader.got.map(textOf).join('')).toHaveLength(1000 * 7 + 3_000_000);
  });
});

describe('a reader that does nothing', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    [true, 59_000, false],
    [true, 60_000, true],
    [false, 0, true],
  ])('and whose connection is lost (keyed: %s) ends the generation after 60 s: after %s ms %s', (keyed, ms, ended) => {
    const stream = new GenerationStream({ client: 'c', keyed, budget: counted() });
    const { reader } = new Connection(stream, undefined);
    stream.leave(reader, gone, true);
    vi.advanceTimersByTime(ms);
    expect(stream.signal.aborted).toBe(ended);
  });

  it('and comes back in time keeps the generation', () => {
    const stream = new GenerationStream({ client: 'c', keyed: true, budget: counted() });
    stream.leave(new Connection(stream, undefined).reader, gone, true);
    vi.advanceTimersByTime(59_000);
    const back = new Connection(stream, undefined);
    vi.advanceTimersByTime(120_000);
    expect(stream.signal.aborted).toBe(false);
    stream.leave(back.reader, gone, true);
    vi.advanceTimersByTime(60_000);
    expect(stream.signal.aborted).toBe(true);
  });

  it('and takes nothing for 60 s is given up', async () => {
    const stream = new GenerationStream({ client: 'c', keyed: false, budget: counted() });
    const idle = new Connection(stream, undefined);
    const room = stream.emit(text('x'.repeat(200_000)));
    expect(room).toBeInstanceOf(Promise);
    vi.advanceTimersByTime(59_999);
    expect(stream.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(stream.signal.reason).toMatchObject({ reason: 'CANCELLED', message: expect.stringContaining('read nothing') });
    await room;
    stream.settle(stream.signal.reason);
    await vi.advanceTimersByTimeAsync(0);
    expect(idle.ended).toBe(stream.signal.reason);
  });
});
