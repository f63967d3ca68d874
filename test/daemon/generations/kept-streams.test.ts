import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GenerationStream } from '../../../src/daemon/generations/generation-stream.ts';
import { KeptStreams } from '../../../src/daemon/generations/kept-streams.ts';

const MIB = 1024 * 1024;

function ended(kept: KeptStreams, { keyed, bytes = 1000, failure }: { keyed: boolean; bytes?: number; failure?: Error }): GenerationStream {
  const stream = new GenerationStream({ client: 'c', keyed, budget: kept });
  stream.id = 'gen_1';
  void stream.emit({ $case: 'textDelta', value: { part: 0, text: 'x'.repeat(bytes), refusal: false, providerMetadataJson: {} } });
  stream.settle(failure);
  kept.add(stream);
  return stream;
}

describe('what has ended is kept', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    ['60 s without an idempotency key', { keyed: false }, 60_000],
    ['24 h with one', { keyed: true }, 86_400_000],
    ['60 s with one when it failed', { keyed: true, failure: new Error('no') }, 60_000],
  ])('%s', (_what, how, ms) => {
    const kept = new KeptStreams();
    const stream = ended(kept, how);
    vi.advanceTimersByTime(ms - 1000);
    expect(stream.isHeld).toBe(true);
    vi.advanceTimersByTime(12_000);
    expect(stream.isHeld).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('as long as 64 MiB allow, the oldest going first, but none that is read', () => {
    const kept = new KeptStreams();
    const streams = Array.from({ length: 16 }, () => ended(kept, { keyed: true, bytes: 3.9 * MIB }));
    expect(streams.every((stream) => stream.isHeld)).toBe(true);
    const oldest = streams[0];
    oldest?.attach(undefined, () => {});
    ended(kept, { keyed: true, bytes: 3.9 * MIB });
    vi.advanceTimersByTime(1);
    expect(streams.map((stream) => stream.isHeld)).toEqual([true, false, ...Array.from({ length: 14 }, () => true)]);
    expect(kept.isShort).toBe(false);
  });

  it('when 256 without an idempotency key are: one more takes the place of the oldest', () => {
    const kept = new KeptStreams();
    const streams = Array.from({ length: 257 }, () => ended(kept, { keyed: false }));
    expect(streams.map((stream) => stream.isHeld).filter(Boolean)).toHaveLength(256);
    expect(streams[0]?.isHeld).toBe(false);
  });

  it('and generations that run hold less when they alone are too much', () => {
    const kept = new KeptStreams();
    const streams = Array.from({ length: 20 }, () => new GenerationStream({ client: 'c', keyed: true, budget: kept }));
    const readers = streams.map((stream) => {
      const got: bigint[] = [];
      stream.attach(undefined, ({ seq }, done) => {
        got.push(seq);
        done();
      });
      return got;
    });
    for (let at = 0; at < 100; at++) {
      for (const stream of streams) void stream.emit({ $case: 'textDelta', value: { part: 0, text: 'x'.repeat(50_000), refusal: false, providerMetadataJson: {} } });
    }
    expect(kept.isShort).toBe(false);
    for (const got of readers) expect(got).toEqual(Array.from({ length: 100 }, (_, at) => BigInt(at)));
  });
});
