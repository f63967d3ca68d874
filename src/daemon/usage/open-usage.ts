import type { Home } from '../../environment.ts';
import type { Caller } from '../access/caller.ts';
import type { Config } from '../config/config.ts';
import type { Failure } from '../failure.ts';
import type { Logger } from '../logger.ts';
import type { Registry } from '../plugins/registry.ts';
import type { QuotaWindow } from '../../gen/tollgate/v1/usage_service.ts';
import { fits } from '../routing/choose-attempt.ts';
import { passOver } from '../routing/pass-over.ts';
import type { Route } from '../routing/plan-route.ts';
import { generationAccount, type GenerationAccount } from './generation-account.ts';
import { openJournal } from './journal/open-journal.ts';
import { openLedger } from './open-ledger.ts';
import type { Catalogue } from './prices/catalogue.ts';
import { costOf } from './prices/cost-of.ts';
import { crashEstimate } from './prices/crash-estimate.ts';
import { priceBook, type PriceBook } from './prices/price-book.ts';
import { priceLists, type PriceLists } from './prices/price-lists.ts';
import type { RequestSize } from './prices/request-size.ts';
import { dearestOf, upperBound } from './prices/upper-bound.ts';
import type { UsageBook } from './usage-book.ts';

/** A call whose books are to be opened. */
export interface AccountRequest {
  readonly generationId: string;
  readonly caller: Caller;
  /** As it was asked for. */
  readonly model: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly route: Route;
  readonly size: RequestSize;
  /** The request's own limit of the answer. */
  readonly maxOutputTokens: number | undefined;
  readonly isEmbedding: boolean;
}

/** The part of a route that its caller's limits allow. */
interface Allowed {
  /** Whoever they do not allow is passed over. */
  readonly route: Route;
}

/** Everything about use and cost. */
export interface Usage {
  readonly book: UsageBook;
  /** The prices in force. */
  prices(): Promise<PriceBook>;
  readonly priceLists: PriceLists;
  /** Reserves the most that a call can come to, at those that its client's limits allow. Throws QUOTA_EXCEEDED or BUDGET_EXCEEDED when they allow nobody. */
  accountFor(request: AccountRequest): Promise<Allowed & { readonly account: GenerationAccount }>;
  /** What `accountFor` would leave of the route, and of the client's windows. Reserves nothing. */
  foresee(request: Omit<AccountRequest, 'generationId' | 'labels'>): Promise<Allowed & { readonly windowsAfter: readonly QuotaWindow[] }>;
  close(): Promise<void>;
}

export interface UsageOptions {
  readonly home: Home;
  readonly config: () => Config;
  readonly registry: () => Registry;
  readonly log: Logger;
  /** Told what is wrong with the books when that changes; undefined is nothing. */
  readonly onProblem: (problem: string | undefined) => void;
}

/**
 * Opens the books of this home: the journal, and what it adds up to. Throws a StartError for a journal that is damaged, or that a newer version
 * wrote.
 */
export async function openUsage({ home, config, registry, log, onProblem }: UsageOptions): Promise<Usage> {
  const lists = priceLists({ file: home.pricesFile, url: () => config().priceListUrl, log });
  let held: { readonly of: Config['prices']; readonly catalogue: Catalogue; readonly prices: PriceBook } | undefined;
  const prices = async (): Promise<PriceBook> => {
    const { catalogue } = await lists.current();
    const of = config().prices;
    if (held?.of !== of || held.catalogue !== catalogue) held = { of, catalogue, prices: priceBook(of, catalogue) };
    return held.prices;
  };
  const journal = await openJournal({ dir: home.journalDir, log });
  const ledger = await openLedger({
    journal,
    snapshotFile: home.usageFile,
    config: () => config().usage,
    log,
    onProblem,
    async crashCost({ provider, model, time }, { outputTokens }, bound) {
      const instance = registry().instances.get(provider);
      const price = instance === undefined ? undefined : (await prices()).priceOf({ instance, model, at: new Date(time) });
      return costOf(undefined, price, { estimate: crashEstimate(outputTokens, bound), isCut: true });
    },
  });

  /** What each attempt that may be made can come to. */
  const boundsOf = (book: PriceBook, { caller, model, route, size, maxOutputTokens, isEmbedding }: Omit<AccountRequest, 'generationId' | 'labels'>) => {
    const at = new Date();
    const candidates = route.attempts.filter(fits).map((planned) => upperBound({ size, maxOutputTokens, candidates: [{ price: book.priceOf({ instance: planned.instance, model: planned.model, at }), maxOutputTokens: undefined }], isEmbedding }));
    return { client: caller.client, tier: caller.tier, model, bound: dearestOf(candidates), candidates };
  };
  const allowed = (route: Route, refusals: readonly (Failure | undefined)[]): Route => {
    const refusalOf = new Map(route.attempts.filter(fits).map((planned, at) => [planned, refusals[at]]));
    return passOver(route, (planned) => refusalOf.get(planned));
  };

  return {
    book: ledger,
    prices,
    priceLists: lists,
    async accountFor(request) {
      const { generationId, labels, route, size, maxOutputTokens, isEmbedding } = request;
      const book = await prices();
      const open = await ledger.reserve({ generationId, labels, embedding: isEmbedding, ...boundsOf(book, request) });
      const account = generationAccount({ open, prices: book, size, outputLimit: maxOutputTokens === undefined ? undefined : BigInt(maxOutputTokens), isEmbedding });
      return { account, route: allowed(route, open.refusals) };
    },
    async foresee(request) {
      const { refusals, windowsAfter } = ledger.foresee(boundsOf(await prices(), request));
      return { route: allowed(request.route, refusals), windowsAfter };
    },
    async close() {
      await ledger.close();
      await journal.close();
    },
  };
}
