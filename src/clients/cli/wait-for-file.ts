import { watch } from 'node:fs';
import { dirname } from 'node:path';

const pollMs = 50;

/**
 * Looks again whenever the file's folder changes until `look` gives something. Undefined when `signal` fires first. The folder has
 * to be there. It polls too: not every file system tells of changes.
 */
export async function waitForFile<T>(path: string, look: () => Promise<T | undefined>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  const check = (): void => {
    look().then((found) => {
      if (found !== undefined) resolve(found);
    }, reject);
  };
  const give = (): void => resolve(undefined);
  const watcher = watch(dirname(path), check).on('error', () => undefined);
  const poll = setInterval(check, pollMs);
  signal.addEventListener('abort', give, { once: true });
  if (signal.aborted) give();
  try {
    check();
    return await promise;
  } finally {
    watcher.close();
    clearInterval(poll);
    signal.removeEventListener('abort', give);
  }
}
