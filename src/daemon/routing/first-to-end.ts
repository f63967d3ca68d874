import type { Clock } from '../clock.ts';

/** What the first promise that ends gives; undefined when none has ended after `ms`. */
export function firstToEnd<T extends object>(running: readonly Promise<T>[], ms: number | undefined, clock: Clock): Promise<T | undefined> {
  const [only, ...others] = running;
  if (ms !== undefined) return firstInTime(running, ms, clock);
  return only !== undefined && others.length === 0 ? only : Promise.race(running);
}

async function firstInTime<T extends object>(running: readonly Promise<T>[], ms: number, clock: Clock): Promise<T | undefined> {
  let stop = (): void => {};
  const late = new Promise<undefined>((resolve) => {
    stop = clock.after(ms, () => resolve(undefined));
  });
  try {
    return await Promise.race([...running, late]);
  } finally {
    stop();
  }
}
