import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { jsonKeys } from '../../src/clients/cli/json-keys.ts';
import { variableKeys } from '../../src/clients/cli/variable-keys.ts';
import { names } from './key-fixtures.ts';

const key = 'sk-live-0123456789';

const inJson = (value: unknown): string[] => jsonKeys(Buffer.from(JSON.stringify(value)), names).keys.map((found) => `${found.provider} ${found.name}`);

describe('the keys in variables', () => {
  it.each([
    ['OPENAI_API_KEY', 'openai'], ['openai_key', 'openai'], ['OPENAI_KEY', 'openai'], ['GEMINI_API_KEY', 'google'], ['GOOGLE_AI_API_KEY', 'google'], ['TOGETHERAI_API_KEY', 'together'],
    ['WORK_ANTHROPIC_KEY', 'work'], ['OPENAI_COMPATIBLE_API_KEY', 'openai-compatible'], ['CLOUDFLARE_API_TOKEN', 'cloudflare'],
  ])('%s is one of %s', (name, provider) => {
    expect(variableKeys({ [name]: ` ${key} ` }, names).keys).toEqual([{ provider, key, name }]);
  });

  it.each(['OPENAI_MODEL', 'OPENAI', 'KEY', 'API_KEY', 'OPENAI_ADMIN_KEY', 'GITHUB_TOKEN', 'AI_KEY', 'KEY_OPENAI'])('%s is none', (name) => {
    expect(variableKeys({ [name]: key }, names).keys).toEqual([]);
  });

  it.each(['', 'short', 'your-api-key-here', '<key>', 'sk-...', 'xxxxxxxxxxxx', 'two words of it', 'schlüssel-schlüssel'])('a value such as %j stands for none', (value) => {
    expect(variableKeys({ OPENAI_API_KEY: value }, names)).toEqual({ keys: [], settings: [], unreadable: [] });
  });

  it('come with the settings that a provider needs, and with what is encrypted by name only', () => {
    const { keys, settings, unreadable } = variableKeys(parseEnv(`CLOUDFLARE_ACCOUNT_ID=0123\nCLOUDFLARE_API=native\nOPENAI_API_KEY="encrypted:BGx${key}"`), names);
    expect({ keys, settings, unreadable }).toEqual({ keys: [], settings: [{ provider: 'cloudflare', setting: 'account_id', value: '0123' }], unreadable: ['OPENAI_API_KEY'] });
  });
});

describe('the keys in a JSON file', () => {
  it.each([
    ['a name of its own', { openaiApiKey: key }, 'openai openaiApiKey'],
    ['the name of a variable', { env: { OPENAI_API_KEY: key } }, 'openai env.OPENAI_API_KEY'],
    ['a list of keys', { apiKeys: { openai: key } }, 'openai apiKeys.openai'],
    ["a provider's own object", { providers: { OpenAI: { apiKey: key, model: 'gpt-5' } } }, 'openai providers.OpenAI.apiKey'],
    ['an object that says whose it is', { providers: [{ id: 'x' }, { provider: 'together-ai', key }] }, 'together providers.1.key'],
    ['a bare name', { openai: key }, 'openai openai'],
    ['the longer name of two', { 'openai-compatible': { token: key } }, 'openai-compatible openai-compatible.token'],
    ['the nearer name of two', { openai: { fallback: { anthropic: { key } } } }, 'anthropic openai.fallback.anthropic.key'],
  ])('are found under %s', (_where, value, found) => {
    expect(inJson(value)).toEqual([found]);
  });

  it.each([
    ['a model', { openai: 'gpt-4o-mini-2024-07-18', models: { together: 'Llama-3.3-70B-Instruct-Turbo' }, openaiModelKey: key }],
    ['an address', { openai: { baseUrl: 'https://api.openai.com/v1', urlKey: key } }],
    ['a number of tokens', { openai: { maxTokens: '200000000' } }],
    ["nobody's key", { apiKey: key, license: { key } }],
    ['no string', { apiKeys: { openai: 12_345_678, together: null, anthropic: [true] } }],
  ])('are not %s', (_what, value) => {
    expect(inJson(value)).toEqual([]);
  });

  it('come with needed settings, and with the names of what is encrypted', () => {
    const value = {
      cloudflare: { accountId: '0123', apiToken: key }, apiKeys: { openai: 'djEwAbCdEfGhIjKlMnOp' },
      anthropic: { apiKey: { iv: 'AAAA', data: 'BBBBBBBBBBBB' } }, google: 'djExAbCdEfGhIjKlMnOp',
    };
    expect(jsonKeys(Buffer.from(JSON.stringify(value)), names)).toEqual({
      keys: [expect.objectContaining({ provider: 'cloudflare', key, name: 'cloudflare.apiToken' })],
      settings: [{ provider: 'cloudflare', setting: 'account_id', value: '0123' }], unreadable: ['apiKeys.openai', 'anthropic.apiKey', 'google'],
    });
  });

  it('are told by a file that is JSON only', () => {
    expect(() => jsonKeys(Buffer.from('{"openai": '), names)).toThrow(SyntaxError);
  });
});
