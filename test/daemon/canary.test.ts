import { describe, expect, it } from 'vitest';
import { canaryFinder, canaryKey, canaryPrompt, WRITINGS } from './canary.ts';

const key = canaryKey('sk-proj-', 'itself', '+/"=');

describe('the search for a canary', () => {
  const find = canaryFinder([key]);

  it.each(Object.entries(WRITINGS))('finds it %s', (_how, write) => {
    expect(find(`{"level":50,"msg":"so said the provider: ${write(key.text)}; that was it"}`)).toBeDefined();
  });

  it.each([
    ['raw', key.body],
    ['raw', key.body.slice(0, 8)],
    ['raw', key.body.slice(3, 11)],
    ['reversed', Array.from(key.body).toReversed().join('').slice(0, 8)],
    ['hex', Buffer.from(key.body).toString('hex').slice(0, 16)],
    ['base64', Buffer.from(key.body.slice(0, 12)).toString('base64').slice(0, 12)],
    ['URL-escaped', encodeURIComponent(key.body).slice(12, 24)],
    ['JSON-escaped', JSON.stringify(key.body).slice(13, 24)],
  ])('finds a piece of it, %s', (form, piece) => {
    expect(find(Buffer.from(`\u0000\u00FF${piece}\u0000`, 'latin1'))).toMatchObject({ form });
  });

  it('finds nothing where nothing is, nor in what may be shown of it', () => {
    expect(find(`sk-proj- ${key.text.slice(-4)} ${key.body.slice(0, 7)} [key removed] ${canaryPrompt.text}`)).toBeUndefined();
  });

  it('finds a prompt', () => {
    const findPrompt = canaryFinder([canaryPrompt]);
    expect(findPrompt(JSON.stringify({ prompt: canaryPrompt.text }))).toBeDefined();
    expect(findPrompt(key.text)).toBeUndefined();
  });
});
