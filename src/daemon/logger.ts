import pino, { type DestinationStream, type Logger as PinoLogger } from 'pino';
import { maskKeys } from './mask-keys.ts';

export type Logger = PinoLogger;

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Fields that must never be printed, should one reach a log line by mistake. */
const REDACTED: ReadonlySet<string> = new Set(['key', 'token', 'secret', 'authorization', 'password', 'prompt', 'text', 'messages']);
/** How deep a log line's fields are looked through. */
const MAX_DEPTH = 4;

export const isLogLevel = (text: string): boolean => LEVELS.some((level) => level === text);

/** pino's own redaction goes through every field of every line once per path: a tenth of a short call. */
function redacted(fields: Readonly<Record<string, unknown>>, depth = 0): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (REDACTED.has(name)) shown[name] = '[redacted]';
    else if (depth < MAX_DEPTH && isPlain(value)) shown[name] = redacted(value, depth + 1);
    else shown[name] = typeof value === 'string' ? maskKeys(value) : value;
  }
  return shown;
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Makes the daemon's log: JSON, one line per call, never a prompt, reply, key or token. */
export const makeLogger = (level: string, destination: DestinationStream): Logger =>
  pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { log: (fields) => redacted(fields) },
      serializers: { err: (error: unknown) => (error instanceof Error ? redacted(Object.fromEntries(Object.entries(pino.stdSerializers.err(error)))) : error) },
    },
    destination,
  );
