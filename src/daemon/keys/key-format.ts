import { invalidRequest, type FieldViolation } from '../failure.ts';
import { holdsKey } from '../mask-keys.ts';

/** How labels are written; "" is the default key. */
export const KEY_LABEL = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const INSTANCE_NAME = KEY_LABEL;
export const MAX_KEY_BYTES = 16_384;

/** What is wrong with a key as such, whoever it is for; undefined is nothing. Never quotes it. */
export function keyIssue(key: string): string | undefined {
  if (key === '') return 'this must not be empty';
  if (key.length > MAX_KEY_BYTES) return `a key has at most ${MAX_KEY_BYTES} bytes`;
  // It goes into an HTTP header: anything else would break that, or forge another one.
  return /^[\x21-\x7e]+$/.test(key) ? undefined : 'a key has only letters, digits and signs of ASCII: no blanks, no line ends, no control characters';
}

export function labelIssue(label: string): string | undefined {
  if (holdsKey(label)) return 'this looks like a key: a label is a name for one, and stands in lists and logs';
  return label === '' || KEY_LABEL.test(label) ? undefined : 'a label has 1 to 64 of a-z, 0-9, ".", "_" and "-", and begins with a letter or a digit';
}

/** Throws REQUEST_INVALID for what cannot be stored. */
export function checkKeyFormat(provider: string, label: string, key?: string): void {
  const found: readonly [field: string, issue: string | undefined][] = [
    ['provider', INSTANCE_NAME.test(provider) ? undefined : 'no provider can have this name'],
    ['label', labelIssue(label)],
    ['key', key === undefined ? undefined : keyIssue(key)],
  ];
  const violations = found.flatMap(([field, description]): readonly FieldViolation[] => (description === undefined ? [] : [{ field, description }]));
  if (violations.length > 0) throw invalidRequest(violations);
}

/** Under which name a store keeps a key. A label never stands without its provider, and neither has a colon. */
export const accountOf = (provider: string, label: string): string => (label === '' ? provider : `${provider}:${label}`);

/** Enough to tell keys apart, too little to guess one from. */
export const hintOf = (key: string): string => (key.length < 12 ? '' : key.slice(-4));
