import { readEnvironment, type Variables } from '../environment.ts';
import { shipped } from '../plugins/index.ts';
import { ConfigError } from './config/config-error.ts';
import { loadConfig } from './config/load-config.ts';
import { isLogLevel } from './logger.ts';
import { StartError } from './start-error.ts';

/** Looks at what a daemon would start with, without starting one. Returns what is wrong with it, for the person who is about to. */
export async function checkDaemon(variables: Variables): Promise<string | undefined> {
  const { home, logLevel } = readEnvironment(variables);
  if (logLevel !== undefined && !isLogLevel(logLevel)) return `TOLLGATE_LOG_LEVEL is "${logLevel}"; write fatal, error, warn, info, debug, trace or silent`;
  try {
    await loadConfig(home.configFile, shipped.map(({ manifest }) => manifest));
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError || error instanceof StartError) return error.message;
    throw error;
  }
}
