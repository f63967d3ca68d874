import type { Key } from '../../gen/tollgate/v1/keys_service.ts';
import { connect } from '../typescript/connect.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { isKey, isStored, keyName, keySource } from './describe-key.ts';
import { promptYes } from './prompt.ts';

export interface RemoveKeyOptions {
  readonly label?: string;
  /** Does not ask. */
  readonly yes?: boolean;
}

/** The stored key, as far as it can be described. */
async function storedKey(tollgate: Tollgate, name: string, label: string): Promise<Key | 'not configured' | undefined> {
  try {
    const { provider } = await tollgate.keys.get(name);
    return provider?.keys.find((candidate) => candidate.label === label && isStored(candidate));
  } catch (error) {
    // A key may outlive its provider's place in the config.
    if (error instanceof TollgateError && error.reason === 'PROVIDER_NOT_FOUND') return 'not configured';
    throw error;
  }
}

function question(name: string, label: string, key: Key | 'not configured'): string {
  if (key === 'not configured') return `The config has no provider ${name}. Remove a key of ${keyName(name, label)} that may still be stored?`;
  const which = key.hint === '' ? 'the key' : `the key …${key.hint}`;
  return `Remove ${which} of ${keyName(name, label)} from the ${keySource(key)}?`;
}

export async function removeKey(name: string, options: RemoveKeyOptions, host: CliHost, console: Console): Promise<number> {
  const { label = '' } = options;
  if (options.yes !== true && !host.stdin.isTTY) throw new CliError(exitCode.wrongUse, 'Nobody is here to be asked. Nothing was removed.', 'Add --yes to remove the key without a question.');
  using tollgate = await connect({ environment: host.environment });
  const key = options.yes === true ? undefined : await storedKey(tollgate, name, label);
  // Without one the daemon says so, in its own words.
  if (key !== undefined && !(await promptYes(question(name, label, key), host))) {
    console.say('Nothing was removed.');
    return exitCode.refused;
  }
  const { provider: after } = await tollgate.keys.remove({ provider: name, label });
  const left = after?.keys.filter(isKey) ?? [];
  const rest = after === undefined ? 'The config has no such provider.' : left.length === 0 ? 'It has no key now.' : `Left: ${left.map((other) => [other.label || 'default', keySource(other)].join(', ')).join('; ')}.`;
  await console.out.write(console.safe(`${keyName(name, label)}: the key is removed. ${rest}\n`));
  return exitCode.done;
}
