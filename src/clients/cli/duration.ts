import type { Duration } from '../../gen/google/protobuf/duration.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Reads "1.5s", "30d" or "1h30m" as milliseconds. Undefined when it is not a duration. Units: ms, s, m, h, d, w. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/([\d.]+)([a-z]+)/g)) total += Number(amount) * (unitMs[unit] ?? Number.NaN);
  return total;
}

export function toDuration(milliseconds: number): Duration {
  const seconds = Math.trunc(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}

/** For people: "40 ms", "12.3 s", "2 min 5 s". */
export function formatDuration({ seconds, nanos }: Duration): string {
  const total = Number(seconds) + nanos / 1e9;
  if (total < 1) return `${Math.round(total * 1000)} ms`;
  if (total < 60) return `${total.toFixed(1)} s`;
  const whole = Math.round(total);
  return `${Math.trunc(whole / 60)} min ${whole % 60} s`;
}
