import type { Duration } from '../../gen/google/protobuf/duration.ts';
import { durationMs } from '../../duration.ts';

/** For people: "40 ms", "12.3 s", "2 min 5 s". */
export function formatDuration(duration: Duration): string {
  const total = durationMs(duration) / 1000;
  if (total < 1) return `${Math.round(total * 1000)} ms`;
  if (total < 60) return `${total.toFixed(1)} s`;
  const whole = Math.round(total);
  return `${Math.trunc(whole / 60)} min ${whole % 60} s`;
}
