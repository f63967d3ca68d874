const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** One bar a value, the highest one full; a dot where there is nothing. */
export function sparkline(values: readonly bigint[]): string {
  const most = values.reduce((high, value) => (value > high ? value : high), 0n);
  const steps = BigInt(BARS.length);
  return values.map((value) => (value <= 0n ? '·' : BARS[Number((value * steps - 1n) / most)])).join('');
}

/** How full something is, as wide as `width`. More than full is full; what is begun shows. */
export function bar(used: bigint, limit: bigint, width: number): string {
  const full = limit <= 0n || used >= limit ? width : Number((used * BigInt(width)) / limit);
  const filled = used > 0n ? Math.max(1, full) : limit <= 0n ? width : 0;
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
