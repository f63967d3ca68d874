import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';

/** Whether some of a config waits for a restart: what a daemon that started with `initial` cannot change while it serves. */
export const needsRestart = (config: Config, initial: Config): boolean =>
  !isDeepStrictEqual(config.listen, initial.listen) || config.limits.maxRequestBytes !== initial.limits.maxRequestBytes;
