import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** What the space for new objects grows to, in bytes, both halves together; it may end at twice as much. */
const ENOUGH = 12 * 1024 * 1024;

/**
 * Lets V8's space for new objects stay small. By itself it grows to 48 MiB in a busy daemon, and collecting it then holds every stream up for 10 to 30 ms, several
 * times a second; a small one is collected more often, each time in one or two. The only flag that can be set for it while V8 runs is by how much it grows.
 */
export function boundYoungSpace(): void {
  let mayGrow = true;
  const observer = new PerformanceObserver(() => {
    const size = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;
    if (mayGrow === size < ENOUGH) return;
    // V8 shrinks it while nothing happens: then it may grow once more.
    mayGrow = !mayGrow;
    setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
  });
  observer.observe({ entryTypes: ['gc'] });
}
