import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../../src/daemon/config/config.ts';
import { ConfigError } from '../../../src/daemon/config/config-error.ts';
import { loadConfig } from '../../../src/daemon/config/load-config.ts';
import { configSchema, toConfig } from '../../../src/daemon/config/schema.ts';
import { buildRegistry } from '../../../src/daemon/plugins/registry.ts';
import type { ProviderInstance } from '../../../src/daemon/plugins/provider-instance.ts';
import { bundledPriceList } from '../../../src/daemon/usage/prices/bundled-price-list.ts';
import { toPicoUsd } from '../../../src/daemon/usage/prices/decimal.ts';
import { FREE, type Price } from '../../../src/daemon/usage/prices/price.ts';
import { priceBook } from '../../../src/daemon/usage/prices/price-book.ts';
import type { PriceOverrides } from '../../../src/daemon/usage/prices/price-override.ts';
import { temporaryHome } from '../test-daemon.ts';
import { shipped } from '../../../src/plugins/index.ts';
import { Cost_Provenance } from '../../../src/gen/tollgate/v1/content.ts';

const entry = { enabled: true, baseUrl: undefined, settings: {}, keyEnv: undefined, defaultModel: undefined };
const { instances } = buildRegistry(
  {
    ...DEFAULT_CONFIG,
    providers: {
      work: { ...entry, type: 'anthropic' },
      'my-vllm': { ...entry, type: 'openai-compatible', baseUrl: 'http://127.0.0.1:8000/v1' },
      'ollama-cloud': { ...entry, type: 'ollama', baseUrl: 'https://ollama.com' },
    },
  },
  shipped,
  {},
);

function instance(name: string): ProviderInstance {
  const found = instances.get(name);
  if (found === undefined) throw new Error(`there is no instance ${name}`);
  return found;
}

const { catalogue } = await bundledPriceList();
const AT = new Date('2026-11-23T12:00:00Z');

const priceOf = (name: string, model: string, { responseModel = '', overrides = {} }: { responseModel?: string; overrides?: PriceOverrides } = {}): Price | undefined =>
  priceBook(overrides, catalogue).priceOf({ instance: instance(name), model, responseModel, at: AT });

const inputOf = (price: Price | undefined): bigint | undefined => (price?.rates.input === undefined ? undefined : toPicoUsd(price.rates.input.base));

describe('the price of a model', () => {
  it('is the list price of its type of provider, whatever the instance is called', () => {
    expect(priceOf('work', 'claude-haiku-4-5')).toMatchObject({ provenance: Cost_Provenance.PRICED, version: catalogue.version, listedAs: 'claude-haiku-4-5' });
    expect(priceOf('azure', 'gpt-4.1')).toMatchObject({ listedAs: 'gpt-4.1' });
    expect(priceOf('xai', 'grok-4.3')).toMatchObject({ listedAs: 'grok-4.3' });
    expect(priceOf('cloudflare', '@cf/meta/llama-3.1-8b-instruct')).toMatchObject({ listedAs: '@cf/meta/llama-3.1-8b-instruct' });
  });

  it('is free on this machine and nowhere else', () => {
    expect(priceOf('ollama', 'llama3.2:3b')).toBe(FREE);
    expect(priceOf('ollama', 'gpt-4o')).toBe(FREE);
    expect(priceOf('echo', 'anything')).toBe(FREE);
    expect(priceOf('ollama-cloud', 'gpt-oss:120b')).toBeUndefined();
    expect(priceOf('my-vllm', 'gpt-4o')).toBeUndefined();
  });

  it('is not known, not 0, where the list has none or says none', () => {
    expect(priceOf('openai', 'gpt-99')).toBeUndefined();
    expect(priceOf('openrouter', 'google/gemini-2.0-flash-exp:free')).toBeUndefined();
    expect(priceBook({}, undefined).priceOf({ instance: instance('openai'), model: 'gpt-4o', at: AT })).toBeUndefined();
    expect(priceBook({}, undefined).priceOf({ instance: instance('ollama'), model: 'x', at: AT })).toBe(FREE);
  });

  it('is that of the model which answered, and of the one that was asked where the list does not know that', () => {
    expect(priceOf('azure', 'my-deployment', { responseModel: 'gpt-4.1-mini-2025-04-14' })?.listedAs).toBe('gpt-4.1-mini');
    expect(priceOf('openai', 'gpt-4.1', { responseModel: 'gpt-4.1-2099-01-01' })?.listedAs).toBe('gpt-4.1');
    expect(priceOf('openai', 'gpt-4o', { responseModel: 'gpt-4o-mini-2024-07-18' })?.listedAs).toBe('gpt-4o-mini');
  });

  it('is first of all that of the config: the exact name, then the glob that spells out most', () => {
    const overrides: PriceOverrides = { '*/*': { input: '9' }, 'work/*': { input: '8' }, 'work/claude-*': { input: '7' }, 'work/claude-opus-5': { input: '6', output: '1' }, 'ollama/*': { input: '0.01' } };
    expect(priceOf('work', 'claude-opus-5', { overrides })).toMatchObject({ provenance: Cost_Provenance.PRICED, version: 'config', listedAs: 'work/claude-opus-5' });
    expect(['claude-opus-5', 'claude-x', 'other/model'].map((model) => inputOf(priceOf('work', model, { overrides })))).toEqual([6_000_000n, 7_000_000n, 8_000_000n]);
    expect(inputOf(priceOf('openai', 'gpt-4o', { overrides }))).toBe(9_000_000n);
    expect(inputOf(priceOf('ollama', 'llama3', { overrides }))).toBe(10_000n);
    expect(priceOf('work', 'best', { responseModel: 'claude-opus-5', overrides })?.listedAs).toBe('work/claude-opus-5');
    expect(priceOf('work', 'claude-opus-5', { responseModel: 'behind-it', overrides: { 'work/claude-opus-5': { input: '6' } } })?.version).toBe('config');
  });

  it('is exact as the config writes it, and 0 only when that says 0', () => {
    const price = priceOf('my-vllm', 'm', { overrides: { 'my-vllm/m': { input: '0', output: '0.000000000001', cache_read: '0.08333333333333334', request: '0.0005', web_search: '0.01', cache_creation_1h: '2' } } });
    expect(inputOf(price)).toBe(0n);
    expect(price?.rates.output?.base).toEqual({ digits: 1n, scale: 18 });
    expect(price?.rates.cacheRead?.base).toEqual({ digits: 8_333_333_333_333_334n, scale: 23 });
    expect([price?.rates.request, price?.rates.webSearch, price?.rates.cacheCreation1h].map((rate) => toPicoUsd(rate!.base))).toEqual([500_000_000n, 10_000_000_000n, 2_000_000n]);
    expect(price?.rates.cacheCreation).toBeUndefined();
  });

  it('is found fast enough to be asked for at every call', () => {
    const book = priceBook({}, catalogue);
    const began = performance.now();
    for (let at = 0; at < 1000; at++) book.priceOf({ instance: instance('openrouter'), model: 'openai/gpt-4.1-mini', responseModel: `unheard-of-${at}`, at: AT });
    expect((performance.now() - began) / 1000).toBeLessThan(1);
  });
});

describe('prices in the config', () => {
  async function problem(prices: unknown): Promise<string> {
    const file = join(temporaryHome(), 'config.json');
    writeFileSync(file, JSON.stringify({ prices }));
    try {
      await loadConfig(file, []);
      return '';
    } catch (error) {
      return error instanceof ConfigError ? error.message : String(error);
    }
  }

  it('are none by default', () => {
    expect(toConfig(configSchema.parse({})).prices).toEqual({});
  });

  it('reach the daemon as they were written', () => {
    const prices = { 'my-vllm/*': { input: '0.25', output: '1.000' }, 'azure/prod': { input: '2.50', output: '10', cache_read: '1.25', cache_creation: '3', cache_creation_1h: '5', reasoning: '10', audio_input: '40', audio_output: '80', image_output: '30', request: '0', web_search: '0.01' } };
    expect(toConfig(configSchema.parse({ prices })).prices).toEqual(prices);
  });

  it.each<[string, unknown, RegExp]>([
    ['a number, which may not be what was written', { 'a/b': { input: 0.25 } }, /write US dollars as text/],
    ['a currency sign', { 'a/b': { input: '$1' } }, /decimal number/],
    ['a comma', { 'a/b': { input: '1,5' } }, /decimal number/],
    ['a negative price', { 'a/b': { input: '-1' } }, /decimal number/],
    ['an exponent', { 'a/b': { input: '1e3' } }, /decimal number/],
    ['no price at all', { 'a/b': {} }, /name at least one price/],
    ['a word that is none', { 'a/b': { inptu: '1' } }, /inptu/],
    ['a name without a provider', { 'gpt-4o': { input: '1' } }, /provider\/model/],
    ['a name without a model', { 'openai/': { input: '1' } }, /provider\/model/],
  ])('may not be %s', async (_what, prices, words) => {
    expect(await problem(prices)).toMatch(words);
  });
});
