import type { ListedProvider } from './price-list-schema.ts';

/** A price list that can be used whole, or why it cannot. */
export type ReadPriceList = { readonly providers: readonly ListedProvider[]; readonly problem?: undefined } | { readonly providers?: undefined; readonly problem: string };

/** The longest list that is read, in bytes. The published one has half a megabyte. */
export const MAX_PRICE_LIST_BYTES = 16 * 1024 * 1024;

/** Where in the list it is wrong, with the names that stand there: `openai / gpt-5`. */
function placeOf(json: unknown, path: readonly PropertyKey[]): string {
  const names: string[] = [];
  let value = json;
  for (const step of path) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined;
    const id: unknown = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
    if (typeof id === 'string') names.push(id.slice(0, 64));
  }
  const rest = path.slice(path.findLastIndex((step) => typeof step === 'number') + 1).map(String);
  return [...names, ...rest].join(' / ');
}

async function check(json: unknown): Promise<ReadPriceList> {
  const { priceListSchema } = await import('./price-list-schema.ts');
  try {
    const { data, error } = priceListSchema.safeParse(json);
    if (data !== undefined) return { providers: data };
    const [issue] = error.issues;
    const place = issue === undefined ? '' : placeOf(json, issue.path);
    return { problem: place === '' ? (issue?.message ?? '') : `${place}: ${issue?.message}` };
  } catch (error) {
    if (error instanceof RangeError) return { problem: 'it is nested too deeply' };
    throw error;
  }
}

/** Reads the text of a list as genai-prices publishes it, and checks it whole: one price that cannot be right makes all of it unusable. */
export async function readPriceList(text: string): Promise<ReadPriceList> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: 'it is not JSON' };
  }
  return check(json);
}
