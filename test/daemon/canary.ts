import { createHash } from 'node:crypto';

/** A text that must turn up nowhere. */
export interface Canary {
  readonly text: string;
  /** What is unique to it: all of it, but for what the keys of one provider have in common. */
  readonly body: string;
}

/** What a form of a canary is called when it is found. */
export type FormName = 'raw' | 'base64' | 'hex' | 'URL-escaped' | 'JSON-escaped' | 'reversed';

const SECRET_CHARS = 32;

/** A key as providers make them, the same in every run: `prefix` and 32 letters and digits that nothing else has. `signs` stand in its middle. */
export function canaryKey(prefix: string, name: string, signs = ''): Canary {
  const drawn = createHash('sha512').update(`canary ${name}`).digest('base64').replaceAll(/[^A-Za-z0-9]/g, '');
  const body = drawn.slice(0, SECRET_CHARS / 2) + signs + drawn.slice(SECRET_CHARS / 2, SECRET_CHARS);
  return { text: prefix + body, body };
}

/** A prompt that nobody else writes. */
export const canaryPrompt: Canary = { text: 'Sing of the zqxwv-kestrel over Prompt/Canary "Bay" 7731', body: 'zqxwv-kestrel over Prompt/Canary "Bay" 7731' };

const reversed = (text: string): string => Array.from(text).toReversed().join('');

/** Base64 behind so many other bytes: each of the three reads differently. Without the characters that it shares with its neighbours. */
function base64Behind(bytes: number, text: string): string {
  const whole = Buffer.concat([Buffer.alloc(bytes, '.'), Buffer.from(text)]);
  return whole.toString('base64').slice(Math.ceil((bytes * 8) / 6), Math.floor((whole.length * 8) / 6));
}

/** Each form, and how much of it is a find: what 8 characters of the text come to. */
const formsOf = ({ body }: Canary): readonly (readonly [FormName, string, number])[] => [
  ['raw', body, 8],
  ['reversed', reversed(body), 8],
  ['URL-escaped', encodeURIComponent(body), 8],
  ['JSON-escaped', JSON.stringify(body).slice(1, -1), 8],
  ['JSON-escaped', JSON.stringify(body).slice(1, -1).replaceAll('/', String.raw`\/`), 8],
  ['hex', Buffer.from(body).toString('hex'), 16],
  ...[0, 1, 2].map((bytes): readonly [FormName, string, number] => ['base64', base64Behind(bytes, body), 12]),
];

/** Capitals are read as small letters, and base64's alphabet for addresses as the usual one. */
const fold = (text: string): string => text.toLowerCase().replaceAll('-', '+').replaceAll('_', '/');

/** What was found of a canary, and what stands around it. */
export interface Find {
  readonly form: FormName;
  readonly around: string;
}

export type Finder = (text: string | Uint8Array) => Find | undefined;

/** Looks for any 8 characters of the canaries, in every form. */
export function canaryFinder(canaries: readonly Canary[]): Finder {
  const bySize = new Map<number, Map<string, FormName>>();
  for (const [form, written, size] of canaries.flatMap(formsOf)) {
    const windows = bySize.get(size) ?? new Map<string, FormName>();
    bySize.set(size, windows);
    const folded = fold(written);
    for (let at = 0; at + size <= folded.length; at++) if (!windows.has(folded.slice(at, at + size))) windows.set(folded.slice(at, at + size), form);
  }
  return (text) => {
    // Byte by byte: whatever the bytes around it are, a canary's are ASCII.
    const plain = typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
    const folded = fold(plain);
    for (const [size, windows] of bySize) {
      for (let at = 0; at + size <= folded.length; at++) {
        const form = windows.get(folded.slice(at, at + size));
        if (form !== undefined) return { form, around: plain.slice(Math.max(0, at - 60), at + 60) };
      }
    }
    return undefined;
  };
}

/** How somebody may write a key that he was sent. */
export const WRITINGS: Readonly<Record<string, (key: string) => string>> = {
  raw: (key) => key,
  'in small letters': (key) => key.toLowerCase(),
  reversed,
  hex: (key) => Buffer.from(key).toString('hex'),
  'hex in capitals': (key) => Buffer.from(key).toString('hex').toUpperCase(),
  base64: (key) => Buffer.from(key).toString('base64'),
  'base64, one byte on': (key) => Buffer.from(`:${key}`).toString('base64'),
  'base64, two bytes on': (key) => Buffer.from(`::${key}::`).toString('base64url'),
  'Basic base64': (key) => `Basic ${Buffer.from(`user:${key}`).toString('base64')}`,
  'URL-escaped': (key) => `https://example.com/?key=${encodeURIComponent(key)}&x=1`,
  'JSON-escaped': (key) => JSON.stringify(JSON.stringify({ key })).replaceAll('/', String.raw`\/`),
  'its first half': (key) => key.slice(0, key.length / 2),
  masked: (key) => `${key.slice(0, 20)}${'*'.repeat(20)}${key.slice(-4)}`,
  'in Bearer': (key) => `Authorization: Bearer ${key}, x-api-key: ${key}`,
};
