import * as z from 'zod';

/** What genai-prices publishes, as far as it is used here. Whatever else stands there is left out. Imported only when a list is read. */

/** The dearest unit of the bundled list is 600 dollars a million tokens. */
const MAX_USD = 100_000;
const MAX_NAME = 256;
const MAX_PATTERN = 300;
const MAX_RULES = 1000;
const MAX_TABLES = 100;

const name = z.string().min(1).max(MAX_NAME);
const usd = z.number('a price is a number').min(0, 'a price is never negative').max(MAX_USD, `no price is over ${MAX_USD} dollars a unit`);

/** Repeats of any length. */
const UNBOUNDED = /(?<!\\)(?:[*+]|\{\d+,\d*\})/g;
const REPEATED_GROUP = /\)(?:[*+]|\{)/;

/** It is held against names that callers write: one that can take for ever would be their way to hold up everybody. */
function isQuickPattern(source: string): boolean {
  if (REPEATED_GROUP.test(source) || (source.match(UNBOUNDED)?.length ?? 0) > 2) return false;
  try {
    return new RegExp(source).source !== '';
  } catch {
    return false;
  }
}

const pattern = z.string().max(MAX_PATTERN).refine(isQuickPattern, 'a pattern must be a regular expression without repeated groups');

const oneRule = z.union([
  z.strictObject({ equals: name }),
  z.strictObject({ starts_with: name }),
  z.strictObject({ ends_with: name }),
  z.strictObject({ contains: name }),
  z.strictObject({ regex: pattern }),
]);
/** As deep as the published one, and one deeper. */
const deepen = <T extends z.ZodType>(inner: T) => z.union([inner, z.strictObject({ or: z.array(inner).min(1).max(MAX_RULES) }), z.strictObject({ and: z.array(inner).min(1).max(MAX_RULES) })], 'this is no rule for names that this version knows');
const match = deepen(deepen(deepen(oneRule)));

const tiers = z.strictObject({ base: usd, tiers: z.array(z.strictObject({ start: z.int().min(0), price: usd })).max(MAX_TABLES) });
const table = z.record(name, z.union([usd, tiers], 'a price is a number of dollars from 0 on, or such a number with tiers'));

const clock = z.string().regex(/^\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/);
const constraint = z.union([
  z.strictObject({ start_date: z.iso.date(), type: z.literal('start_date').optional() }),
  z.strictObject({ start_time: clock, end_time: clock, type: z.literal('time_of_date').optional() }),
]);
const dated = z.array(z.strictObject({ constraint: constraint.optional(), prices: table })).min(1).max(MAX_TABLES);

const model = z.object({ id: name, match, context_window: z.unknown().optional(), prices: z.union([table, dated], 'these are no prices that this version knows: numbers of dollars from 0 on, with tiers and times') });

const provider = z.object({
  id: name,
  provider_match: match.optional(),
  fallback_model_providers: z.array(name).max(MAX_TABLES).optional(),
  models: z.array(model).max(100_000),
});

export const priceListSchema = z
  .array(provider, 'it is not a list of providers')
  .min(1, 'it is empty')
  .max(10_000)
  .refine((providers) => providers.some(({ models }) => models.length > 0), 'it has no model')
  .refine((providers) => new Set(providers.map(({ id }) => id)).size === providers.length, 'a provider stands there twice');

export type ListedProvider = z.output<typeof provider>;
