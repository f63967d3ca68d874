import type { Environment } from '../../environment.ts';
import { CliError, exitCode } from './cli-error.ts';

function isAddress(address: string): boolean {
  if (/^unix:(?:\/\/)?\/./.test(address)) return true;
  const port = Number(/^(?:\[[\da-f:.]+\]|[^\s:/[\]]+):(\d{1,5})$/i.exec(address)?.[1]);
  return port >= 1 && port <= 65_535;
}

/** Throws wrong use when TOLLGATE_ADDRESS is no address. */
export function checkAddress({ address }: Environment): void {
  if (address === undefined || isAddress(address)) return;
  throw new CliError(exitCode.wrongUse, `TOLLGATE_ADDRESS is "${address}", which is not an address.`, 'Write unix:/path/of/the.sock or host:port, or unset it.');
}
