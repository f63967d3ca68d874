/** The daemon as a part of another program: `startDaemon()`. */
export { startDaemon, type Daemon, type DaemonOptions } from './daemon.ts';
export { makeLogger, type Logger } from './logger.ts';
export { ConfigError } from './config/config-error.ts';
export { StartError } from './start-error.ts';
export { readEnvironment, type Environment, type Home } from '../environment.ts';
