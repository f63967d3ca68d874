import { existsSync, watch } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 20_000;

/** Resolves as soon as the file is there. Its directory has to be there before. */
export function whenFileIs(path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const watcher = watch(dirname(path), () => {
    if (existsSync(path)) resolve();
  });
  const timer = setTimeout(() => reject(new Error(`${path} did not appear within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  if (existsSync(path)) resolve();
  return promise.finally(() => {
    watcher.close();
    clearTimeout(timer);
  });
}

const accepts = (port: number): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('connect', () => resolve(true));
  socket.on('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
};

/** Resolves when somebody listens on the port. */
export async function whenPortIs(port: number): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!(await accepts(port))) {
    if (performance.now() > end) throw new Error(`nobody listens on port ${port} after ${LIMIT_MS / 1000} s`);
    await sleep(20);
  }
}
