import { type Key, KeyState, ListProvidersResponse, type Provider } from '../../gen/tollgate/v1/keys_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { isKey, keySource, keyState, sayStore } from './describe-key.ts';
import { shortTime } from './short-time.ts';
import { table } from './table.ts';

export interface ListKeysOptions {
  /** Also providers that need a key and have none. */
  readonly all?: boolean;
  readonly json?: boolean;
}

const columns = ['PROVIDER', 'LABEL', 'STATE', 'SOURCE', 'HINT', 'LAST CHECK'].map((head) => ({ head }));

function row(provider: Provider, key: Key): string[] {
  const missing = provider.missingSettings.length === 0 ? '' : `, needs ${provider.missingSettings.join(', ')}`;
  const off = provider.enabled ? '' : ', disabled';
  const checked = isKey(key) ? (key.lastChecked === undefined ? 'never' : shortTime(key.lastChecked)) : '';
  const source = !isKey(key) && key.envName !== '' ? `(${key.envName})` : keySource(key);
  return [provider.name, key.label, `${keyState(key)}${off}${missing}`, source, key.hint === '' ? '' : `…${key.hint}`, checked];
}

export async function listKeys(options: ListKeysOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const list = await tollgate.keys.list();
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.ListProvidersResponse', ListProvidersResponse.encode(list)))}\n`);
    return exitCode.done;
  }
  const isShown = (key: Key): boolean => isKey(key) || (options.all === true && key.state === KeyState.MISSING);
  const rows = list.providers.flatMap((provider) => provider.keys.filter(isShown).map((key) => row(provider, key)));
  if (rows.length > 0) await console.out.write(console.safe(await table(columns, rows)));
  else console.say('tollgate: no key yet. `tollgate keys set <provider>` stores one; `tollgate keys list --all` shows who needs one.');
  sayStore(list.keyStore, console);
  return exitCode.done;
}
