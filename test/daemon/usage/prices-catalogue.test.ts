import { readFileSync } from 'node:fs';
import { calcPrice, findProvider, type MatchLogic } from '@pydantic/genai-prices';
import { describe, expect, it } from 'vitest';
import { bundledPriceList } from '../../../src/daemon/usage/prices/bundled-price-list.ts';
import { catalogueOf } from '../../../src/daemon/usage/prices/catalogue.ts';
import { costOf } from '../../../src/daemon/usage/prices/cost-of.ts';
import { toPicoUsd } from '../../../src/daemon/usage/prices/decimal.ts';
import { ratesAt } from '../../../src/daemon/usage/prices/listed-prices.ts';
import { Cost_Provenance } from '../../../src/gen/tollgate/v1/content.ts';
import { shipped } from '../../../src/plugins/index.ts';

const { catalogue } = await bundledPriceList();
const NOW = new Date('2026-11-23T12:00:00Z');

const wordsOf = (match: MatchLogic): readonly string[] => {
  if ('or' in match) return match.or.flatMap(wordsOf);
  if ('and' in match) return match.and.flatMap(wordsOf);
  return 'regex' in match ? [] : Object.values(match);
};

const listed = ['anthropic', 'azure', 'cloudflare', 'deepseek', 'google', 'groq', 'mistral', 'openai', 'openrouter', 'together', 'xai'];

describe('the bundled price list', () => {
  it('is the release that is installed', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../../node_modules/@pydantic/genai-prices/package.json', import.meta.url), 'utf8')) as { version: string };
    expect(catalogue.version).toBe(`genai-prices ${manifest.version}`);
  });

  it.each(listed)('finds for every name of %s the model that genai-prices finds, and no other', (type) => {
    const models = findProvider({ providerId: type })?.models ?? [];
    const endings = ['', '-latest', '-preview', '-mini', '-20250514', '-2025-05-14', '-20250231', '@20250514', ':free', 'x'];
    const names = new Set(models.flatMap(({ id, match }) => [id, ...wordsOf(match)]).flatMap((word) => [...endings.map((ending) => word + ending), `models/${word}`, ` ${word.toUpperCase()} `]));
    expect(names.size).toBeGreaterThan(100);
    const different = [...names].flatMap((name) => {
      const [ours, theirs] = [catalogue.find(type, name)?.id, calcPrice({}, name, { providerId: type, timestamp: NOW })?.model.id];
      return ours === theirs ? [] : [{ name, ours, theirs }];
    });
    expect(different).toEqual([]);
  });

  it('has nothing for a type that it does not spell out, however much it sounds like one', () => {
    const others = shipped.map(({ manifest }) => manifest.type).filter((type) => !listed.includes(type));
    expect(others.toSorted()).toEqual(['echo', 'ollama', 'openai-compatible']);
    for (const type of [...others, 'my-openai', 'amazon', 'anthropic-proxy']) expect(catalogue.find(type, 'gpt-4o')).toBeUndefined();
  });

  it.each([
    ['openai', 'gpt-4o-mini-2024-07-18', 'gpt-4o-mini'],
    ['openai', 'gpt-4o-2024-05-13', 'gpt-4o-2024-05-13'],
    ['openai', 'gpt-4o-2024-08-06', 'gpt-4o'],
    ['openai', 'o1-mini-2024-09-12', 'o1-mini'],
    ['openai', 'chatgpt-4o-latest', 'chatgpt-4o-latest'],
    ['anthropic', 'claude-sonnet-4-20250514', 'claude-sonnet-4-0'],
    ['anthropic', 'claude-opus-5-5', 'claude-opus-5-5'],
    ['google', 'gemini-2.5-flash-lite', 'gemini-2.5-flash-lite'],
    ['azure', 'gpt-4o-mini', 'gpt-4o-mini'],
  ])('has %s/%s as %s', (type, model, id) => {
    expect(catalogue.find(type, model)?.id).toBe(id);
  });

  it('has no price for a model that nobody has named, though one of a similar name has', () => {
    for (const model of ['gpt-4o-mini-2099-01-01', 'gpt-4o-maxi', 'o1-micro', 'gpt-4-mini']) expect(catalogue.find('openai', model)).toBeUndefined();
    expect(catalogue.find('anthropic', 'claude-opus-6')).toBeUndefined();
    expect(catalogue.find('azure', 'my-deployment')).toBeUndefined();
  });

  it('bills gpt-4o-mini at its own price, a seventeenth of gpt-4o', () => {
    const of = (model: string): bigint => toPicoUsd(catalogue.find('openai', model)!.ratesAt(NOW).input!.base);
    expect(of('gpt-4o-mini-2024-07-18')).toBe(150_000n);
    expect(of('gpt-4o-2024-08-06')).toBe(2_500_000n);
  });

  it('has prices of their time', () => {
    const o3 = catalogue.find('openai', 'o3')!;
    const inputAt = (day: string): bigint => toPicoUsd(o3.ratesAt(new Date(day)).input!.base);
    expect(inputAt('2025-05-01T00:00:00Z')).toBe(10_000_000n);
    expect(inputAt('2025-11-01T00:00:00Z')).toBe(2_000_000n);
  });

  it('bills an hour in the cache, and a search, where it has a price of them', () => {
    const listing = catalogue.find('anthropic', 'claude-sonnet-4-5')!;
    const price = { provenance: Cost_Provenance.PRICED, version: catalogue.version, listedAs: listing.id, rates: listing.ratesAt(NOW) } as const;
    const usage = { inputTokens: 1000n, cacheCreationInputTokens: 1000n, cacheCreation1hInputTokens: 400n, outputTokens: 0n, webSearchRequests: 3n };
    expect(costOf(usage, price).expectedPicoUsd).toBe(BigInt(600 * 3.75e6 + 400 * 6e6 + 3 * 1e10));
  });
});

describe('the prices of a list', () => {
  const at = (time: string): Date => new Date(time);
  const input = (prices: unknown, time: string): bigint | undefined => {
    const rate = ratesAt(prices, at(time)).input;
    return rate === undefined ? undefined : toPicoUsd(rate.base);
  };

  it('begin at midnight UTC of their day, the last that has begun counting', () => {
    const prices = [{ prices: { input_mtok: 1 } }, { constraint: { start_date: '2026-01-01' }, prices: { input_mtok: 2 } }, { constraint: { start_date: '2026-06-01', type: 'start_date' }, prices: { input_mtok: 3 } }];
    expect(['2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00Z', '2026-05-31T23:59:59Z', '2026-06-01T00:00:00Z'].map((time) => input(prices, time))).toEqual([1_000_000n, 2_000_000n, 2_000_000n, 3_000_000n]);
  });

  it('hold at their hours of the UTC day, over midnight too', () => {
    const by = (start: string, end: string) => [{ prices: { input_mtok: 1 } }, { constraint: { start_time: start, end_time: end }, prices: { input_mtok: 2 } }];
    const day = by('00:30:00Z', '16:30:00Z');
    expect(['2026-01-01T00:29:59.999Z', '2026-01-01T00:30:00Z', '2026-01-01T16:29:59.999Z', '2026-01-01T16:30:00Z'].map((time) => input(day, time))).toEqual([1_000_000n, 2_000_000n, 2_000_000n, 1_000_000n]);
    const night = by('22:00:00+00:00', '06:00:00+00:00');
    expect(['2026-01-01T21:59:59Z', '2026-01-01T22:00:00Z', '2026-01-01T05:59:59Z', '2026-01-01T06:00:00Z'].map((time) => input(night, time))).toEqual([1_000_000n, 2_000_000n, 2_000_000n, 1_000_000n]);
    const elsewhere = by('08:00:00+08:00', '10:00:00+08:00');
    expect(['2026-01-01T00:00:00Z', '2026-01-01T02:00:00Z'].map((time) => input(elsewhere, time))).toEqual([2_000_000n, 1_000_000n]);
    const west = by('08:00:00-03:30', '09:00:00-03:30');
    expect(['2026-01-01T11:30:00Z', '2026-01-01T08:00:00Z'].map((time) => input(west, time))).toEqual([2_000_000n, 1_000_000n]);
  });

  it('are the first when none is in force, and none when they cannot be read', () => {
    expect(input([{ constraint: { start_date: '2026-01-01' }, prices: { input_mtok: 4 } }], '2020-01-01T00:00:00Z')).toBe(4_000_000n);
    for (const broken of [undefined, null, 7, [], [7], { input_mtok: '1,5' }, { input_mtok: -1 }, { input_mtok: { base: 1, tiers: [{ start: -1, price: 2 }] } }, { input_mtok: { base: 1, tiers: [{ start: 5 }] } }, { input_mtok: { tiers: [] } }]) {
      expect(input(broken, '2026-01-01T00:00:00Z')).toBeUndefined();
    }
    // A time that cannot be read is never.
    expect(input([{ prices: { input_mtok: 1 } }, { constraint: { start_date: 'soon' }, prices: { input_mtok: 2 } }, { constraint: { start_time: 'noon', end_time: '16:00:00Z' }, prices: { input_mtok: 3 } }], '2026-01-01T12:00:00Z')).toBe(1_000_000n);
  });

  it('have their tiers in order', () => {
    const rate = ratesAt({ output_mtok: { base: 1, tiers: [{ start: 500, price: 3 }, { start: 100, price: 2 }] } }, at('2026-01-01T00:00:00Z')).output;
    expect(rate?.tiers.map(({ aboveInputTokens }) => aboveInputTokens)).toEqual([100n, 500n]);
  });
});

describe('a list of ones own', () => {
  const model = (id: string, match: unknown, input = 1) => ({ id, match, prices: { input_mtok: input } });
  const of = (...models: unknown[]) => catalogueOf('own', [{ id: 'p', models }]);

  it('prefers the exact name, then a pattern, then the longest rule, then the first', () => {
    const own = of(model('any', { contains: 'llama' }), model('family', { starts_with: 'llama-3' }), model('first', { starts_with: 'llama-4-a' }), model('second', { ends_with: '-4-a-mini' }), model('dated', { regex: '^llama-3-\\d{8}$' }), model('one', { equals: 'Llama-3-8B' }));
    expect(['llama-3-8b', 'llama-3-20260101', 'llama-3-70b', 'my-llama', 'llama-4-a-mini', 'mistral'].map((name) => own.find('p', name)?.id)).toEqual(['one', 'dated', 'family', 'any', 'first', undefined]);
  });

  it('fits both halves of an "and", and nothing for a rule that is not known', () => {
    const own = of(model('both', { and: [{ starts_with: 'a' }, { or: [{ ends_with: 'z' }, { equals: 'ab' }] }] }), model('odd', { sounds_like: 'q' }), model('broken', { regex: '(' }), model('none', undefined), { id: 'empty', match: { and: [] } });
    expect(['abz', 'ab', 'abc', 'q', '(', ''].map((name) => own.find('p', name)?.id)).toEqual(['both', 'both', undefined, undefined, undefined, undefined]);
  });

  it('knows the same day of a snapshot in both ways of writing', () => {
    const own = of(model('snapshot', { equals: 'm-2025-05-14' }));
    expect(own.find('p', 'm-20250514')?.id).toBe('snapshot');
    expect(own.find('p', 'm-20250515')).toBeUndefined();
  });
});
