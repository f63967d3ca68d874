import type { JsonObject } from './json.ts';
import { arrayOf, isObject, objectOf, stringOf } from './json.ts';

/** The longest wait that is believed: a day. Longer ones, and nonsense, are no hint. */
const MAX_MS = 86_400_000;
/** The longest text that is read as a wait. */
const MAX_CHARS = 256;

const sane = (ms: number): number | undefined => (Number.isFinite(ms) && ms >= 0 && ms <= MAX_MS ? Math.round(ms) : undefined);

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, hour: 3_600_000, minute: 60_000, second: 1000, millisecond: 1 };

/** Go's durations: "2m59.56s", "130ms", "1h2m3s". */
function goDuration(text: string): number | undefined {
  if (text.length > MAX_CHARS || !/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}

/** A wait in words: "try again in 2m59.56s", "retry in 34.07s", "retry after 26 seconds". */
function fromWords(message: string): number | undefined {
  const go = /(?:try again|retry) (?:in|after) ((?:\d{1,9}(?:\.\d{1,12})?(?:h|ms|m|s))+)\b/i.exec(message)?.[1];
  if (go !== undefined) return goDuration(go.toLowerCase());
  const [, amount, unit] = /(?:try again|retry) (?:in|after) (\d{1,9}(?:\.\d{1,12})?) (hour|minute|second|millisecond)s?\b/i.exec(message) ?? [];
  return amount === undefined ? undefined : Number(amount) * (UNIT_MS[unit?.toLowerCase() ?? ''] ?? Number.NaN);
}

/** A date as HTTP or ISO 8601 write it. The language itself makes one of almost anything, such as "in 5". */
const DATE = /^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? |\d{4}-\d\d-\d\dT)/i;
const NUMBER = /^\d{1,9}(?:\.\d{1,9})?$/;

function inHeader(text: string, now: number): number | undefined {
  if (NUMBER.test(text)) return sane(Number(text) * 1000);
  return DATE.test(text) ? sane(Math.max(0, Date.parse(text) - now)) : undefined;
}

function fromHeaders(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const exact = headers['retry-after-ms'];
  const rough = headers['retry-after'];
  const exactMs = exact === undefined || !NUMBER.test(exact.trim()) ? undefined : sane(Number(exact));
  const roughMs = rough === undefined ? undefined : inHeader(rough.trim(), now);
  if (exactMs === undefined) return roughMs;
  // Azure was seen to send 0 ms beside 1 s: the longer one holds.
  return Math.max(exactMs, roughMs ?? 0);
}

function fromBody(error: JsonObject | undefined, message: string): number | undefined {
  for (const detail of arrayOf(error?.['details'])) {
    const delay = isObject(detail) ? stringOf(detail['retryDelay']) : undefined;
    if (delay !== undefined) return sane(goDuration(delay) ?? Number.NaN);
  }
  const hinted = objectOf(error?.['metadata'])?.['retry_after_seconds'];
  if (typeof hinted === 'number') return sane(hinted * 1000);
  return sane(fromWords(message) ?? Number.NaN);
}

/** How long a provider asks to wait, in milliseconds, in any of the dialects: headers, Google's RetryInfo, the message's words. */
export const retryAfterMs = (
  headers: Readonly<Record<string, string>>,
  error: JsonObject | undefined,
  message: string,
  now: number = Date.now(),
): number | undefined => fromHeaders(headers, now) ?? fromBody(error, message);
