const two = (number: number): string => String(number).padStart(2, '0');

/** In the time of this machine: "09:05:01". */
export const formatClock = (time: Date): string => [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');

/** In the time of this machine: "2026-01-31". */
export const formatDay = (time: Date): string => [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');

/** In the time of this machine: "2026-01-31 09:05:01". */
export const formatTime = (time: Date): string => `${formatDay(time)} ${formatClock(time)}`;

const UNITS: readonly (readonly [string, number])[] = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000]];

/** How long until a time, by its largest unit: "in 7 d", "in 3 h", "in 20 min", "now". */
export function formatUntil(time: Date, nowMs = Date.now()): string {
  const left = time.getTime() - nowMs;
  const [unit, ms] = UNITS.find(([, size]) => left >= size) ?? ['min', 60_000];
  return left <= 0 ? 'now' : `in ${Math.max(1, Math.floor(left / ms))} ${unit}`;
}
