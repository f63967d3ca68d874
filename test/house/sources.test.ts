import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { shipped } from '../../src/plugins/index.ts';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));
const MAX_LINES = 300;

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('gen/'))
  .map((path) => ({ path, text: readFileSync(`${SRC}${path}`, 'utf8') }));

/** Where such a word is a default that the user can change, or means something else. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'daemon/config/config.ts': ['ollama', 'together', 'cloudflare', 'openrouter', 'openai', 'anthropic'],
  // The tiers of the desktop app before: a preset that is written only when it is asked for.
  'presets.ts': ['ollama', 'together', 'cloudflare', 'openrouter', 'openai', 'anthropic', 'groq'],
  'clients/cli/ask.ts': ['echo'],
  // The shape of an API that Cloudflare has beside its own.
  'plugins/cloudflare.ts': ['openai'],
  // Groq's own ids of models that OpenAI has published.
  'plugins/groq.ts': ['openai'],
};

const isOwn = (path: string, type: string): boolean => path === 'plugins/index.ts' || path === `plugins/${type}.ts` || path.startsWith(`plugins/${type}/`);

/** A string that is the type, or a model id that begins with it. */
const names = (text: string, type: string): boolean => new RegExp(`(['"\`])${type}(?:/[^'"\`]*)?\\1`).test(text);

describe('the sources', () => {
  it.each(shipped.map(({ manifest }) => manifest.type))('name the provider %s only in its own files and in the list of plugins', (type) => {
    const elsewhere = sources.filter(({ path, text }) => !isOwn(path, type) && !ALLOWED[path]?.includes(type) && names(text, type));
    expect(elsewhere.map(({ path }) => path)).toEqual([]);
    expect(sources.some(({ path, text }) => isOwn(path, type) && names(text, type))).toBe(true);
  });

  it(`have no file of more than ${MAX_LINES} lines`, () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter(({ text }) => text.split('\n').length - 1 > MAX_LINES).map(({ path }) => path)).toEqual([]);
  });
});
