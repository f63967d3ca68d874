import type { QuotaWindow } from '../../gen/tollgate/v1/usage_service.ts';
import { formatUntil } from './format-time.ts';
import type { Paint } from './paint.ts';
import { quotaAmount } from './quota-amount.ts';
import { bar } from './sparkline.ts';

const MAX_BAR = 20;
const MIN_BAR = 6;
export const USUAL_WIDTH = 80;

/** What stands behind the bar. */
function amounts({ unit, limit, used, reserved, resetsAt }: QuotaWindow): string {
  const held = reserved > 0n ? `, ${quotaAmount(reserved, unit)} held` : '';
  const resets = resetsAt === undefined ? '' : `  anew ${formatUntil(resetsAt)}`;
  return `${quotaAmount(used, unit)} of ${quotaAmount(limit, unit)}${held}${resets}`;
}

/** Each window with a bar of what is taken. */
export function windowLines(windows: readonly QuotaWindow[], width: number, paint: Paint): string[] {
  const nameWidth = Math.max(...windows.map(({ name }) => name.length)) + 2;
  const rest = nameWidth + 2 + Math.max(...windows.map((window) => amounts(window).length));
  const barWidth = Math.max(MIN_BAR, Math.min(MAX_BAR, width - rest));
  return windows.map((window) => {
    const { name, limit, used, reserved } = window;
    const taken = used + reserved;
    return `${name.padEnd(nameWidth)}${paint(taken >= limit ? 'red' : 'green', bar(taken, limit, barWidth))}  ${amounts(window)}\n`;
  });
}
