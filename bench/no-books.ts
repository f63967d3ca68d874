import type { GenerationAccount } from '../src/daemon/usage/generation-account.ts';
import type { Usage } from '../src/daemon/usage/open-usage.ts';
import { Cost_Provenance, type Cost } from '../src/gen/tollgate/v1/content.ts';

const UNKNOWN: Cost = { provenance: Cost_Provenance.UNKNOWN, priceVersion: '' };

const account: GenerationAccount = {
  begin: () => Promise.resolve({ add() {}, letGo: () => UNKNOWN, end: () => UNKNOWN }),
  cost: UNKNOWN,
  settle: () => Promise.resolve(),
};

const nobodyAsks = (): never => {
  throw new Error('there are no books here');
};

/** Stands in for `openUsage`: what is left is the way of a call without its books. */
export const openUsage = (): Promise<Usage> =>
  Promise.resolve({
    book: { summary: nobodyAsks, query: nobodyAsks, list: nobodyAsks, get: nobodyAsks, watch: nobodyAsks, export: nobodyAsks, import: nobodyAsks, clear: nobodyAsks, quota: nobodyAsks },
    prices: () => Promise.resolve({ priceOf: () => undefined, contextWindowOf: () => undefined }),
    priceLists: { current: nobodyAsks, update: nobodyAsks, reset: nobodyAsks },
    accountFor: ({ route }) => Promise.resolve({ account, route }),
    foresee: ({ route }) => Promise.resolve({ route, windowsAfter: [] }),
    close: () => Promise.resolve(),
  });
