const DECIMAL = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** The longest text of an amount: a million digits would be multiplied for seconds. */
const MAX_CHARS = 256;
/** Digits of a dollar behind the point: a pico-USD is 10^-12 US dollars. */
const SCALE = 12;
/** The largest amount that the contract can carry. */
const MAX_INT64 = 2n ** 63n - 1n;
/** More digits than any cost has; keeps a nonsense exponent from making a giant number. */
const MAX_SHIFT = 40;

/**
 * US dollars as a provider states them, a JSON number or decimal text, in pico-USD: exact in decimal, the rest below one
 * pico-USD rounded half up. Undefined for what is no amount: negative, not a number, or beyond int64.
 */
export function picoUsd(dollars: unknown): bigint | undefined {
  // A number's shortest text is what the provider wrote; multiplying the float would not be.
  const text = typeof dollars === 'number' ? String(dollars) : dollars;
  const match = typeof text === 'string' && text.length <= MAX_CHARS ? DECIMAL.exec(text.trim()) : null;
  if (match === null) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  const shift = SCALE - fraction.length + Number(exponent);
  if (digits === 0n || shift < -MAX_SHIFT - fraction.length) return 0n;
  if (shift > MAX_SHIFT) return undefined;
  const divisor = 10n ** BigInt(Math.max(0, -shift));
  const pico = shift >= 0 ? digits * 10n ** BigInt(shift) : (digits + divisor / 2n) / divisor;
  return pico <= MAX_INT64 ? pico : undefined;
}
