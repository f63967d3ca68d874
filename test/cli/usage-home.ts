import { Cost_Provenance } from '../../src/gen/tollgate/v1/content.ts';
import type { Generation } from '../../src/gen/tollgate/v1/usage_service.ts';
import { priceBook } from '../../src/daemon/usage/prices/price-book.ts';
import type { UsageBook } from '../../src/daemon/usage/usage-book.ts';
import { scriptedProvider } from '../daemon/scripted-provider.ts';
import { temporaryHome } from '../daemon/test-daemon.ts';
import { usageServer, type UsageServer } from '../daemon/usage/usage-server.ts';
import { runTollgate, type Run } from './run-tollgate.ts';

type Scopes = Parameters<UsageServer['token']>[1];

export interface Home {
  readonly path: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly run: (...args: readonly string[]) => Promise<Run>;
}

export const priced = (dollars: number): Partial<Generation['cost']> & object => ({ expectedPicoUsd: BigInt(Math.round(dollars * 1e6)) * 1_000_000n, provenance: Cost_Provenance.PRICED, priceVersion: 'list 1' });

/** A command line whose daemon has this book. */
export async function homeOf(book: UsageBook, scopes: Scopes = ['usage:admin']): Promise<Home> {
  const paid = scriptedProvider('paid', async function* nothing() { yield* []; }, { isLocal: false });
  const server = await usageServer(book, priceBook({ 'paid/dear': { input: '1.25', output: '10', cache_read: '0.0375', web_search: '0.01' } }, undefined), [paid]);
  const path = temporaryHome();
  const variables = { TOLLGATE_ADDRESS: server.address, TOLLGATE_TOKEN: server.token('ops', scopes), TZ: 'UTC' };
  return { path, variables, run: (...args) => runTollgate(path, args, { variables }) };
}

// oxlint-disable-next-line no-control-regex
export const plain = (text: string): string => text.replaceAll('\r', '').replaceAll(/\u001b\[[\d;]*m/g, '');
