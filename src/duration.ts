import type { Duration } from './gen/google/protobuf/duration.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A span as people write it: "500ms", "5s", "1.5m", "30d", "1h30m". */
export const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;

/** Milliseconds of a span as people write it; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/([\d.]+)([a-z]+)/g)) total += Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
  return Math.round(total);
}

/** A span of the wire, of milliseconds: to the microsecond, so that `durationMs` and back gives the same. */
export function toDuration(milliseconds: number): Duration {
  const micros = Math.round(milliseconds * 1000);
  const seconds = Math.trunc(micros / 1e6);
  return { seconds: BigInt(seconds), nanos: (micros - seconds * 1e6) * 1000 };
}

/** Milliseconds of a span of the wire. */
export const durationMs = ({ seconds, nanos }: Duration): number => Number(seconds) * 1000 + nanos / 1e6;
