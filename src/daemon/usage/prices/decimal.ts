/** An exact decimal number that is not negative: `digits` × 10^−`scale`. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

export const ZERO: Decimal = { digits: 0n, scale: 0 };

/** Those that prices need are made once. */
const POWERS = Array.from({ length: 64 }, (_, exponent) => 10n ** BigInt(exponent));
const tenTo = (exponent: number): bigint => POWERS[exponent] ?? 10n ** BigInt(exponent);

const DECIMAL = /^(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,2}))?$/;

/** Reads a number or decimal text. Undefined for what is negative, no number, or longer than any price. */
export function decimalOf(value: unknown): Decimal | undefined {
  // A number's shortest text is the decimal that somebody wrote; its binary value is not.
  const text = typeof value === 'number' ? String(value) : value;
  const match = typeof text === 'string' ? DECIMAL.exec(text) : null;
  if (match === null) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return scale >= 0 ? { digits, scale } : { digits: digits * tenTo(-scale), scale: 0 };
}

const digitsAt = ({ digits, scale }: Decimal, finer: number): bigint => (finer === scale ? digits : digits * tenTo(finer - scale));

export function plus(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { digits: digitsAt(a, scale) + digitsAt(b, scale), scale };
}

export const times = ({ digits, scale }: Decimal, count: bigint): Decimal => ({ digits: digits * count, scale });

/** Moves the point to the left: one of what `places` zeros of them are. */
export const shifted = ({ digits, scale }: Decimal, places: number): Decimal => ({ digits, scale: scale + places });

export function isLess(a: Decimal, b: Decimal): boolean {
  const scale = Math.max(a.scale, b.scale);
  return digitsAt(a, scale) < digitsAt(b, scale);
}

export const least = (a: Decimal, b: Decimal): Decimal => (isLess(b, a) ? b : a);
export const most = (a: Decimal, b: Decimal): Decimal => (isLess(a, b) ? b : a);

/** A pico-USD is 10^-12 US dollars. */
const PICO_PLACES = 12;

/** An amount of US dollars in whole pico-USD, rounded up. */
export function toPicoUsd({ digits, scale }: Decimal): bigint {
  if (scale <= PICO_PLACES) return digits * tenTo(PICO_PLACES - scale);
  const unit = tenTo(scale - PICO_PLACES);
  return (digits + unit - 1n) / unit;
}
