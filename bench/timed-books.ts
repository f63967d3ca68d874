import { writeFileSync } from 'node:fs';
import type { GenerationAccount } from '../src/daemon/usage/generation-account.ts';
import { openUsage as open, type Usage, type UsageOptions } from '../src/daemon/usage/open-usage.ts';

/** How long the books held one generation up, in milliseconds. */
export interface BookTimes {
  /** When it ended, in milliseconds since 1970. */
  readonly at: number;
  /** The bound, the price and the durable reservation. */
  readonly reserve: number;
  /** The durable record that a provider is about to be called. */
  readonly attempt: number;
  /** The durable end. */
  readonly settle: number;
}

const times: BookTimes[] = [];
process.on('exit', () => writeFileSync(process.env['BENCH_TIMES'] ?? '', JSON.stringify(times)));

async function timed<T>(step: () => Promise<T>): Promise<readonly [T, number]> {
  const startMs = performance.now();
  const result = await step();
  return [result, performance.now() - startMs];
}

function noting(account: GenerationAccount, reserve: number): GenerationAccount {
  let attempt = 0;
  return {
    async begin(called) {
      const [begun, took] = await timed(() => account.begin(called));
      attempt += took;
      return begun;
    },
    get cost() {
      return account.cost;
    },
    async settle(end) {
      const [, settle] = await timed(() => account.settle(end));
      times.push({ at: Date.now(), reserve, attempt, settle });
    },
  };
}

/** Stands in for `openUsage`. */
export async function openUsage(options: UsageOptions): Promise<Usage> {
  const usage = await open(options);
  return {
    ...usage,
    async accountFor(request) {
      const [{ account, route }, reserve] = await timed(() => usage.accountFor(request));
      return { account: noting(account, reserve), route };
    },
  };
}
