const MASK = '[key removed]';
const MIN_RUN = 8;
/** Keys as providers mask them: `sk-ab********wxyz`. */
const MASKED_KEY = /[A-Za-z0-9_-]*\*{3,}[A-Za-z0-9_-]*/g;

/** Short keys are words ("none", for a server of one's own): inside other words they are no key. */
const wholeWord = (key: string): RegExp => new RegExp(`(?<![A-Za-z0-9])${key.replace(/[^A-Za-z0-9]/g, String.raw`\$&`)}(?![A-Za-z0-9])`, 'g');

/** Cuts a key, and every run of 8 or more of its characters, out of a text that a provider wrote. */
export function redact(text: string, key: string): string {
  const masked = text.replace(MASKED_KEY, MASK);
  if (key === '') return masked;
  if (key.length < MIN_RUN) return masked.replace(wholeWord(key), MASK);
  let clean = '';
  let at = 0;
  while (at < masked.length) {
    let run = 0;
    while (at + run < masked.length && key.includes(masked.slice(at, at + run + 1))) run++;
    if (run >= MIN_RUN) {
      clean += MASK;
      at += run;
    } else {
      clean += masked[at];
      at++;
    }
  }
  return clean;
}
