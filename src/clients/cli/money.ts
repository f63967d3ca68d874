/** A pico-USD is 10^-12 US dollars. */
const PICO_PER_CENT = 10_000_000_000n;
/** A ten-thousandth of a dollar: the fourth place. */
const PICO_PER_FOURTH_PLACE = PICO_PER_CENT / 100n;

const rounded = (amount: bigint, unit: bigint): bigint => (amount + unit / 2n) / unit;
const grouped = (whole: bigint): string => String(whole).replace(/\B(?=(?:\d{3})+$)/g, ',');

/**
 * US dollars as people write them: "$12.34", "$1,204.50"; below ten cents with as many as four places, "$0.0042"; "<$0.0001" for what is less than that and not
 * nothing.
 */
export function formatMoney(picoUsd: bigint): string {
  if (picoUsd < 0n) return `-${formatMoney(-picoUsd)}`;
  if (picoUsd > 0n && picoUsd < PICO_PER_FOURTH_PLACE) return '<$0.0001';
  const fine = rounded(picoUsd, PICO_PER_FOURTH_PLACE);
  if (fine < 1000n) return `$0.${String(fine).padStart(4, '0').replace(/0{1,2}$/, '')}`;
  const cents = rounded(picoUsd, PICO_PER_CENT);
  return `$${grouped(cents / 100n)}.${String(cents % 100n).padStart(2, '0')}`;
}

const UNITS = ['', 'k', 'M', 'G', 'T'] as const;

/** A count of tokens as people write it: "999", "12.3k", "1.2M". From a hundred of a unit on without a place: "123k". */
export function formatTokens(count: bigint): string {
  if (count < 0n) return `-${formatTokens(-count)}`;
  if (count < 1000n) return String(count);
  let unit = 1;
  let one = 1000n;
  // 999,950 is a million when it is rounded, not a thousand thousands.
  while (unit < UNITS.length - 1 && rounded(count, one) >= 1000n) {
    unit += 1;
    one *= 1000n;
  }
  const tenths = rounded(count * 10n, one);
  const text = tenths >= 1000n || tenths % 10n === 0n ? grouped(rounded(count, one)) : `${tenths / 10n}.${tenths % 10n}`;
  return `${text}${UNITS[unit] ?? ''}`;
}
