import type { JsonObject } from './json.ts';
import { arrayOf, isObject, objectOf, stringOf } from './json.ts';

/** The longest wait that is believed: a day. Longer ones, and nonsense, are no hint. */
const MAX_MS = 86_400_000;

const sane = (ms: number): number | undefined => (Number.isFinite(ms) && ms >= 0 && ms <= MAX_MS ? Math.round(ms) : undefined);

/** Go's durations: "2m59.56s", "130ms", "1h2m3s". */
function goDuration(text: string): number | undefined {
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  if (!/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)) total += Number(amount) * (units[unit ?? ''] ?? 0);
  return total;
}

function fromHeaders(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const exact = headers['retry-after-ms'];
  const rough = headers['retry-after'];
  const exactMs = exact === undefined || exact.trim() === '' ? undefined : sane(Number(exact));
  const roughMs =
    rough === undefined || rough.trim() === ''
      ? undefined
      : sane(/[a-z]/i.test(rough) ? Math.max(0, Date.parse(rough) - now) : Number(rough) * 1000);
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
  const said = /try again in ((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)/i.exec(message)?.[1];
  return said === undefined ? undefined : sane(goDuration(said) ?? Number.NaN);
}

/** How long a provider asks to wait, in milliseconds, in any of the dialects: headers, Google's RetryInfo, the message's words. */
export const retryAfterMs = (
  headers: Readonly<Record<string, string>>,
  error: JsonObject | undefined,
  message: string,
  now: number = Date.now(),
): number | undefined => fromHeaders(headers, now) ?? fromBody(error, message);
