import type { Clock } from '../clock.ts';

/** What the first promise that ends gives; undefined when none has ended after `ms`. */
export async function firstToEnd<T extends object>(running: readonly Promise<T>[], ms: number | undefined, clock: Clock): Promise<T | undefined> {
  if (ms === undefined) return Promise.race(running);
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
