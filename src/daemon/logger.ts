import pino, { type DestinationStream, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Fields that must never be printed, should one reach a log line by mistake. */
const REDACTED = ['key', 'token', 'secret', 'authorization', 'password', 'prompt', 'text', 'messages'].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

export const isLogLevel = (text: string): boolean => LEVELS.some((level) => level === text);

/** Makes the daemon's log: JSON, one line per call, never a prompt, reply, key or token. */
export const makeLogger = (level: string, destination: DestinationStream): Logger =>
  pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, redact: { paths: REDACTED, censor: '[redacted]' } }, destination);
