import { formatMoney, formatTokens } from './money.ts';

/** An amount in the unit of a quota's window: "requests", "tokens" or "pico_usd". */
export function quotaAmount(amount: bigint, unit: string): string {
  if (unit === 'pico_usd') return formatMoney(amount);
  return unit === 'tokens' ? formatTokens(amount) : String(amount);
}
