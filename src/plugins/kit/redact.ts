const MASK = '[key removed]';
const MIN_RUN = 8;
/** What is longer is cut off: nobody reads it, and looking through it would hold everybody up. */
const MAX_CHARS = 64 * 1024;
/** Keys as providers mask them: `sk-ab********wxyz`. It begins where a word does, so that a long word is read once. */
const MASKED_KEY = /(?<![A-Za-z0-9_-])[A-Za-z0-9_-]*(?:\*{3,}[A-Za-z0-9_-]*)+/g;

/** Short keys are words ("none", for a server of one's own): inside other words they are no key. */
const wholeWord = (key: string): RegExp => new RegExp(`(?<![A-Za-z0-9])${key.replace(/[^A-Za-z0-9]/g, String.raw`\$&`)}(?![A-Za-z0-9])`, 'g');

/** The base64 of a key that stands behind some bytes, without the characters that its neighbours have a share in. */
const base64Behind = (bytes: number, key: string): string => {
  const whole = Buffer.concat([Buffer.alloc(bytes), Buffer.from(key)]);
  return whole.toString('base64').slice(Math.ceil((bytes * 8) / 6), Math.floor((whole.length * 8) / 6));
};

/** How a key may be written so that it can be read again. */
const formsOf = (key: string): readonly string[] => [
  key,
  Array.from(key).toReversed().join(''),
  encodeURIComponent(key.toWellFormed()),
  Buffer.from(key).toString('hex'),
  ...[0, 1, 2].map((bytes) => base64Behind(bytes, key)),
  Buffer.from(`Bearer ${key}`).toString('base64'),
];

/** One spelling for capitals and small letters, and for both alphabets of base64. As long as the text: places stay the same. */
const fold = (text: string): string => text.replaceAll(/[A-Z]+/g, (capitals) => capitals.toLowerCase()).replaceAll('-', '+').replaceAll('_', '/');

/** Every run of 8 characters in the forms of the keys that were seen last. */
const known = new Map<string, ReadonlySet<string>>();
const MAX_KNOWN = 16;

function runsOf(key: string): ReadonlySet<string> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const runs = new Set<string>();
  for (const form of formsOf(key).map(fold)) {
    for (let at = 0; at + MIN_RUN <= form.length; at++) runs.add(form.slice(at, at + MIN_RUN));
  }
  for (const oldest of known.keys()) {
    if (known.size < MAX_KNOWN) break;
    known.delete(oldest);
  }
  known.set(key, runs);
  return runs;
}

/** Forgets what is kept of every key: they were locked away, or one was removed. */
export function forgetKeys(): void {
  known.clear();
  cleanWords.clear();
  cleanFor = '';
}

/** The last short words that were found to be clean: a model's name comes with every answer. */
let cleanFor = '';
const cleanWords = new Set<string>();
const MAX_CLEAN_WORDS = 64;
const MAX_CLEAN_CHARS = 128;

function rememberClean(word: string, key: string): void {
  if (word.length > MAX_CLEAN_CHARS) return;
  if (key !== cleanFor || cleanWords.size >= MAX_CLEAN_WORDS) cleanWords.clear();
  cleanFor = key;
  cleanWords.add(word);
}

/**
 * Cuts a key, and every run of 8 or more of its characters, out of a text that a provider wrote: as it is, in other capitals,
 * reversed, and as base64, hex or part of a URL. A text of more than 65,536 characters ends there.
 */
export function redact(text: string, key: string): string {
  if (text === '' || (key === cleanFor && cleanWords.has(text))) return text;
  const clean = cut(text, key);
  if (clean === text) rememberClean(text, key);
  return clean;
}

function cut(text: string, key: string): string {
  const short = text.slice(0, MAX_CHARS);
  const masked = short.includes('***') ? short.replaceAll(MASKED_KEY, MASK) : short;
  if (key === '') return masked;
  if (key.length < MIN_RUN) return masked.replace(wholeWord(key), MASK);
  return masked.length < MIN_RUN ? masked : withoutRuns(masked, runsOf(key));
}

function withoutRuns(text: string, runs: ReadonlySet<string>): string {
  const folded = fold(text);
  let clean = '';
  let from = 0;
  for (let at = 0; at + MIN_RUN <= folded.length; at++) {
    if (!runs.has(folded.slice(at, at + MIN_RUN))) continue;
    let end = at + MIN_RUN;
    while (runs.has(folded.slice(end - MIN_RUN + 1, end + 1))) end++;
    clean += text.slice(from, at) + MASK;
    from = end;
    at = end - 1;
  }
  return clean + text.slice(from);
}
