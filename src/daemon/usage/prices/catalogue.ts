import { arrayOf, countOf, isObject, stringOf } from '../../../plugins/kit/json.ts';
import { ratesAt } from './listed-prices.ts';
import { readMatch, type LooseRule } from './match-model.ts';
import type { Rates } from './price.ts';

/** A model as a price list has it. */
export interface ListedModel {
  /** Its name there. */
  readonly id: string;
  /** The most tokens of prompt and answer together; undefined when it does not say. */
  readonly contextWindow: bigint | undefined;
  /** What held at a time. Empty when the list states no price. */
  ratesAt(at: Date): Rates;
}

/** A price list of many providers. */
export interface Catalogue {
  readonly version: string;
  /** The model of a type of plugin; undefined when the list does not have it. */
  find(type: string, model: string): ListedModel | undefined;
}

/** One provider as genai-prices has it. Everything in it is read with care. */
export interface CatalogueProvider {
  readonly id: string;
  readonly provider_match?: unknown;
  readonly fallback_model_providers?: unknown;
  readonly models: readonly unknown[];
}

/** One provider of the list, read when it is first asked for. */
interface Shelf {
  readonly exact: ReadonlyMap<string, ListedModel>;
  readonly loose: readonly (LooseRule & { readonly model: ListedModel })[];
  /** Providers whose models it serves too, by their names in the list. */
  readonly others: readonly string[];
}

function readShelf(provider: CatalogueProvider): Shelf {
  const exact = new Map<string, ListedModel>();
  const loose: (LooseRule & { readonly model: ListedModel })[] = [];
  for (const entry of provider.models) {
    if (!isObject(entry)) continue;
    const { match, prices } = entry;
    const model: ListedModel = { id: stringOf(entry['id']) ?? '', contextWindow: countOf(entry['context_window']), ratesAt: (at) => ratesAt(prices, at) };
    const rules = readMatch(match);
    for (const name of rules.exact) if (!exact.has(name)) exact.set(name, model);
    for (const rule of rules.loose) loose.push({ ...rule, model });
  }
  return { exact, loose, others: arrayOf(provider.fallback_model_providers).flatMap((id) => stringOf(id) ?? []) };
}

/** An exact name first; then the rule that looks at most of the name, the first of equals. */
function onShelf({ exact, loose }: Shelf, name: string): ListedModel | undefined {
  const named = exact.get(name);
  if (named !== undefined) return named;
  let best: (typeof loose)[number] | undefined;
  for (const rule of loose) if ((best === undefined || rule.weight > best.weight) && rule.fits(name)) best = rule;
  return best?.model;
}

const SNAPSHOT_DAY = /-(20\d{2})(\d{2})(\d{2})(?=-|:|$)/g;

const isDay = (day: string): boolean => {
  const time = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day);
};

/** The same snapshot, its day written with hyphens: lists and providers differ in that. */
const hyphenated = (name: string): string =>
  name.replace(SNAPSHOT_DAY, (compact, year: string, month: string, date: string) => {
    const day = `${year}-${month}-${date}`;
    return isDay(day) ? `-${day}` : compact;
  });

/** Makes a price list of the data of genai-prices. Names are compared by the list's own rules, never by ours. */
export function catalogueOf(version: string, providers: readonly CatalogueProvider[]): Catalogue {
  const shelves = new Map<string, Shelf | undefined>();

  /** The list may know a provider by another name; only one that it spells out counts. */
  const read = (name: string): Shelf | undefined => {
    const provider = providers.find(({ id }) => id === name) ?? providers.find(({ provider_match: match }) => readMatch(match).exact.includes(name));
    return provider === undefined ? undefined : readShelf(provider);
  };

  const shelfOf = (name: string): Shelf | undefined => {
    if (!shelves.has(name)) shelves.set(name, read(name));
    return shelves.get(name);
  };

  const findAs = (shelf: Shelf, name: string): ListedModel | undefined => {
    const own = onShelf(shelf, name);
    if (own !== undefined) return own;
    for (const other of shelf.others) {
      const there = shelfOf(other);
      const model = there === undefined ? undefined : onShelf(there, name);
      if (model !== undefined) return model;
    }
    return undefined;
  };

  return {
    version,
    find(type, model) {
      const shelf = shelfOf(type);
      if (shelf === undefined) return undefined;
      const name = model.toLowerCase().trim();
      return findAs(shelf, name) ?? findAs(shelf, hyphenated(name));
    },
  };
}
