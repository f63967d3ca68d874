import { describe, expect, it } from 'vitest';
import { Drains } from '../../../src/daemon/routing/drains.ts';
import { virtualClock } from './virtual-clock.ts';

describe('drains', () => {
  it('last 10 s at most', async () => {
    const clock = virtualClock();
    let stopped = 0;
    const drain = new Drains(clock).begin(() => stopped++);
    await clock.advance(9999);
    expect([drain === undefined, stopped]).toEqual([false, 0]);
    await clock.advance(1);
    expect(stopped).toBe(1);
  });

  it('are stopped no more once they are over', async () => {
    const clock = virtualClock();
    const drains = new Drains(clock);
    let stopped = 0;
    drains.begin(() => stopped++)?.over();
    await clock.advance(20_000);
    await drains.close();
    expect(stopped).toBe(0);
  });

  it('take 64 KB each, and are eight', () => {
    const drains = new Drains(virtualClock());
    const stopped: number[] = [];
    const eight = Array.from({ length: 8 }, (_, at) => drains.begin(() => stopped.push(at)));
    expect(eight).not.toContain(undefined);
    expect(drains.begin(() => {})).toBeUndefined();
    eight[3]?.took(64 * 1024);
    expect(stopped).toEqual([]);
    eight[3]?.took(1);
    expect(stopped).toEqual([3]);
    eight[3]?.over();
    expect(drains.begin(() => {})).toBeDefined();
  });

  it('end with the daemon, which waits for their books and lets none begin', async () => {
    const drains = new Drains(virtualClock());
    const settled = Promise.withResolvers<void>();
    drains.begin(() => settled.resolve());
    drains.keep(settled.promise);
    await drains.close();
    expect(drains.begin(() => {})).toBeUndefined();
  });
});
