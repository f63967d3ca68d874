import { createHash } from 'node:crypto';
import { Failure, invalidRequest } from '../../failure.ts';
import { fetchText } from '../../fetch-text.ts';
import { inTurn } from '../../files/in-turn.ts';
import type { Logger } from '../../logger.ts';
import { bundledPriceList } from './bundled-price-list.ts';
import { openPriceListFile, type PriceListFile } from './price-list-file.ts';
import { listOf, type Origin, type PriceList } from './price-list.ts';
import { MAX_PRICE_LIST_BYTES, readPriceList } from './read-price-list.ts';

export interface PriceListUpdate {
  /** The list itself; undefined fetches it. */
  readonly data: Uint8Array | undefined;
  /** Whether it may have far fewer providers or models than the one that ships. */
  readonly allowFewer: boolean;
}

/** Which price list counts. One at a time: whoever asks gets it whole. */
export interface PriceLists {
  /** The one in force. Read from the disk when it is first asked for; nothing is fetched. */
  current(): Promise<PriceList>;
  /**
   * Takes another list: in force, and on the disk, when it resolves. The same bytes as before change nothing. Throws REQUEST_INVALID for data that cannot be
   * used, PRICE_LIST_UNAVAILABLE when what is fetched cannot, or cannot be had or kept: then nothing has changed.
   */
  update(update: PriceListUpdate, signal: AbortSignal): Promise<PriceList>;
  /** Goes back to the list that ships. Throws PRICE_LIST_UNAVAILABLE. */
  reset(): Promise<PriceList>;
}

export interface PriceListsOptions {
  /** `state/prices.json`. */
  readonly file: string;
  /** Where it is fetched, when somebody asks for that. */
  readonly url: () => string;
  readonly log: Logger;
}

const FETCH_MS = 30_000;

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const HOW_ELSE = 'Nothing has changed. `tollgate prices update --file <file>` takes a list that was fetched elsewhere';

const unavailable = (what: string, cause?: unknown): Failure => new Failure('PRICE_LIST_UNAVAILABLE', `${what}. ${HOW_ELSE}`, { cause });

async function fetchList(url: string, signal: AbortSignal): Promise<Uint8Array> {
  const timeout = AbortSignal.timeout(FETCH_MS);
  try {
    const text = await fetchText({ url, accept: 'application/json, text/plain', maxBytes: MAX_PRICE_LIST_BYTES, signal: AbortSignal.any([signal, timeout]) });
    return Buffer.from(text);
  } catch (error) {
    signal.throwIfAborted();
    const why = timeout.aborted ? `it did not come within ${FETCH_MS / 1000} s` : wordsOf(error);
    throw unavailable(`the price list at ${url} (price_list_url) cannot be fetched: ${why}`, error);
  }
}

/** A list of half of what ships is more likely a mistake than the truth. */
function shortage({ providerCount, modelCount }: PriceList, shipped: PriceList): string | undefined {
  if (providerCount * 2 >= shipped.providerCount && modelCount * 2 >= shipped.modelCount) return undefined;
  return `it has ${modelCount} models of ${providerCount} providers, the list that ships has ${shipped.modelCount} of ${shipped.providerCount}; to take it all the same, add --allow-fewer (allow_fewer)`;
}

export function priceLists({ file: path, url, log }: PriceListsOptions): PriceLists {
  const changing = inTurn();
  let opened: Promise<{ readonly file: PriceListFile; list: PriceList }> | undefined;

  const open = async (): Promise<{ file: PriceListFile; list: PriceList }> => {
    const file = await openPriceListFile(path, log);
    return { file, list: file.initial ?? (await bundledPriceList()) };
  };
  const held = (): NonNullable<typeof opened> =>
    (opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    }));

  /** What is kept on the disk is in force; the other way round a restart would go back. */
  const keep = async (list: PriceList, store: (file: PriceListFile) => Promise<void>): Promise<PriceList> => {
    const now = await held();
    try {
      await store(now.file);
    } catch (error) {
      throw unavailable(`the price list cannot be kept: ${wordsOf(error)}`, error);
    }
    if (list.version !== now.list.version) log.info({ price_list: list.version, before: now.list.version }, 'another price list is in force');
    now.list = list;
    return list;
  };

  const refuse = (source: Origin['source'], from: string, problem: string): Failure =>
    source === 'given' ? invalidRequest([{ field: 'data', description: `this price list cannot be used: ${problem}` }]) : unavailable(`what ${from} (price_list_url) sends cannot be used as a price list: ${problem}`);

  const take = async (bytes: Uint8Array, from: string, source: 'fetched' | 'given', allowFewer: boolean): Promise<PriceList> => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const before = (await held()).list;
    if (before.sha256 === sha256) return before;
    if (bytes.length > MAX_PRICE_LIST_BYTES) throw refuse(source, from, `it is longer than ${MAX_PRICE_LIST_BYTES} bytes`);
    const { providers, problem } = await readPriceList(new TextDecoder().decode(bytes));
    if (providers === undefined) throw refuse(source, from, problem);
    const time = new Date();
    const origin: Origin = { version: `genai-prices ${time.toISOString().slice(0, 10)} sha:${sha256.slice(0, 12)}`, source, url: from, sha256, time };
    const list = listOf(providers, origin);
    const tooFew = allowFewer ? undefined : shortage(list, await bundledPriceList());
    if (tooFew !== undefined) throw refuse(source, from, tooFew);
    return keep(list, (file) => file.write(providers, origin));
  };

  return {
    current: async () => (await held()).list,
    async update({ data, allowFewer }, signal) {
      const from = data === undefined ? url() : '';
      const bytes = data ?? (await fetchList(from, signal));
      return changing(() => take(bytes, from, data === undefined ? 'fetched' : 'given', allowFewer));
    },
    reset: () => changing(async () => keep(await bundledPriceList(), (file) => file.remove())),
  };
}
