import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bundledPriceList } from '../../src/daemon/usage/prices/bundled-price-list.ts';
import { catalogueOf, type Catalogue, type CatalogueProvider } from '../../src/daemon/usage/prices/catalogue.ts';
import { costOf } from '../../src/daemon/usage/prices/cost-of.ts';
import type { Price } from '../../src/daemon/usage/prices/price.ts';
import { Cost_Provenance, type Cost, type TokenUsage } from '../../src/gen/tollgate/v1/content.ts';
import { AnswerReader } from '../../src/plugins/anthropic/answer-reader.ts';
import { usageOf as googleUsage } from '../../src/plugins/google/usage-of.ts';
import { objectOf } from '../../src/plugins/kit/json.ts';
import { chatCost, chatUsage } from '../../src/plugins/kit/openai-chat-usage.ts';
import { picoUsd } from '../../src/plugins/kit/pico-usd.ts';

interface PriceCase {
  readonly provider: string;
  readonly api_flavor: string;
  readonly model: string;
  readonly body: { readonly usage?: Record<string, unknown>; readonly usageMetadata?: Record<string, unknown> };
  readonly usage: Readonly<Record<string, number>>;
  readonly input_price_usd: string;
  readonly output_price_usd: string;
}

const ROOT = fileURLToPath(new URL('../../../shared/fixtures/prices/', import.meta.url));
const isThere = existsSync(ROOT);
const readJson = (name: string): unknown => JSON.parse(readFileSync(ROOT + name, 'utf8'));
const cases: readonly PriceCase[] = isThere ? (readJson('usage-prices.json') as { cases: PriceCase[] }).cases : [];
const list = isThere ? (readJson('genai-prices.data_slim.json') as CatalogueProvider[]) : [];
const named = catalogueOf('recorded', list);

/** The day of the prices, in the middle of the day: one provider is cheaper at night. */
const AT = new Date('2026-08-21T12:00:00Z');

/** How our plugins read such a body. */
function readUsage({ provider, api_flavor: flavor, body }: PriceCase): TokenUsage {
  if (body.usageMetadata !== undefined) return googleUsage(body.usageMetadata) ?? {};
  if (provider !== 'azure' && (flavor === 'anthropic' || provider === 'anthropic')) {
    const reader = new AnswerReader('');
    reader.readWhole({ ...body, content: [] });
    return reader.usage ?? {};
  }
  return chatUsage(body.usage ?? {}) ?? {};
}

const OTHER_NAMES: readonly (readonly [keyof TokenUsage, string])[] = [
  ['inputTokens', 'input_tokens'],
  ['outputTokens', 'output_tokens'],
  ['cacheReadInputTokens', 'cache_read_tokens'],
  ['cacheCreationInputTokens', 'cache_write_tokens'],
  ['reasoningOutputTokens', 'output_reasoning_tokens'],
  ['imageOutputTokens', 'output_image_tokens'],
  ['webSearchRequests', 'web_searches'],
];

/** The list's own reading leaves zeros out. */
const comparable = (usage: TokenUsage): Record<string, bigint> =>
  Object.fromEntries(OTHER_NAMES.flatMap(([field, other]) => (usage[field] === undefined || usage[field] === 0n ? [] : [[other, usage[field]]])));

function priceIn(catalogue: Catalogue, provider: string, model: string): Price | undefined {
  const listed = catalogue.find(provider, model);
  const rates = listed?.ratesAt(AT) ?? {};
  return listed === undefined || Object.keys(rates).length === 0 ? undefined : { provenance: Cost_Provenance.PRICED, version: catalogue.version, listedAs: listed.id, rates };
}

/** One case was read as an embedding: nothing but its input was billed. */
const costIn = (catalogue: Catalogue, recorded: PriceCase): Cost =>
  recorded.api_flavor === 'embeddings'
    ? costOf({ inputTokens: BigInt(recorded.usage['input_tokens'] ?? 0) }, priceIn(catalogue, recorded.provider, recorded.model), { isEmbedding: true })
    : costOf(readUsage(recorded), priceIn(catalogue, recorded.provider, recorded.model));

const wanted = ({ input_price_usd: input, output_price_usd: output }: PriceCase): bigint => (picoUsd(input) ?? -1n) + (picoUsd(output) ?? -1n);
const title = ({ provider, api_flavor: flavor, model }: PriceCase): string => `${provider}/${flavor}/${model}`;

/** What the list that lies beside the cases leaves out: they were computed with the whole of it. */
const NOT_IN_THE_SLIM_LIST = new Set(['google/default/gemini-3-pro-image-preview', 'zai/chat/glm-5.2']);
/** Its entry states no price at all, which genai-prices takes for 0 and Tollgate does not. */
const WITHOUT_A_PRICE = new Set(['openrouter/chat/google/gemini-2.0-flash-exp:free']);

describe.skipIf(!isThere)('recorded usage', () => {
  const usual = cases.filter((recorded) => !NOT_IN_THE_SLIM_LIST.has(title(recorded)) && !WITHOUT_A_PRICE.has(title(recorded)));

  it('is here in full', () => {
    expect(cases.length).toBe(81);
    expect(usual.length).toBe(78);
  });

  it.each(cases.filter(({ api_flavor: flavor }) => flavor !== 'embeddings').map((recorded) => [title(recorded), recorded] as const))('of %s means the same to our plugins as to genai-prices', (_title, recorded) => {
    const theirs = Object.fromEntries(OTHER_NAMES.flatMap(([, other]) => (recorded.usage[other] === undefined ? [] : [[other, BigInt(recorded.usage[other])]])));
    // Two of its readers pass over a count that ours read: reasoning, a search.
    expect(comparable(readUsage(recorded))).toMatchObject(theirs);
  });

  it.each(usual.map((recorded) => [title(recorded), recorded] as const))('of %s costs what the list of its day says, to the pico-USD', (_title, recorded) => {
    const cost = costIn(named, recorded);
    expect(cost.expectedPicoUsd).toBe(wanted(recorded));
    expect(cost.lowPicoUsd).toBe(wanted(recorded));
    // That list has no price of a search: what ten of them cost is not known.
    const hasSearches = (readUsage(recorded).webSearchRequests ?? 0n) > 0n;
    expect(cost.highPicoUsd).toBe(hasSearches ? undefined : wanted(recorded));
    expect(cost.provenance).toBe(hasSearches ? Cost_Provenance.ESTIMATED : Cost_Provenance.PRICED);
    expect(cost.priceVersion).toBe('recorded');
  });

  it.each(cases.filter((recorded) => NOT_IN_THE_SLIM_LIST.has(title(recorded))).map((recorded) => [title(recorded), recorded] as const))('of %s costs what the bundled list says', async (_title, recorded) => {
    expect(costIn((await bundledPriceList()).catalogue, recorded)).toMatchObject({ expectedPicoUsd: wanted(recorded), highPicoUsd: wanted(recorded), provenance: Cost_Provenance.PRICED });
  });

  it.each(cases.filter((recorded) => WITHOUT_A_PRICE.has(title(recorded))).map((recorded) => [title(recorded), recorded] as const))('of %s has no known cost: a list without a price is not a price of 0', async (_title, recorded) => {
    for (const catalogue of [named, (await bundledPriceList()).catalogue]) expect(costIn(catalogue, recorded)).toEqual({ provenance: Cost_Provenance.UNKNOWN, priceVersion: '' });
  });

  it('costs what the provider itself says, where it says so', () => {
    const said = cases.flatMap((recorded) => {
      const reportedPicoUsd = chatCost(objectOf(recorded.body.usage) ?? {});
      return reportedPicoUsd === undefined ? [] : [{ recorded, reportedPicoUsd }];
    });
    expect(said.length).toBeGreaterThan(5);
    for (const { recorded, reportedPicoUsd } of said) {
      const cost = costOf(readUsage(recorded), priceIn(named, recorded.provider, recorded.model), { reportedPicoUsd });
      expect(cost).toEqual({ expectedPicoUsd: reportedPicoUsd, lowPicoUsd: reportedPicoUsd, highPicoUsd: reportedPicoUsd, provenance: Cost_Provenance.PROVIDER_REPORTED, priceVersion: '' });
    }
  });
});
