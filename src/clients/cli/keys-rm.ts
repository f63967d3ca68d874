import { connect } from '../typescript/connect.ts';
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

export async function removeKey(name: string, options: RemoveKeyOptions, host: CliHost, console: Console): Promise<number> {
  const { label = '' } = options;
  if (options.yes !== true && !host.stdin.isTTY) throw new CliError(exitCode.wrongUse, 'Nobody is here to be asked. Nothing was removed.', 'Add --yes to remove the key without a question.');
  using tollgate = await connect({ environment: host.environment });
  const { provider } = await tollgate.keys.get(name);
  const key = provider?.keys.find((candidate) => candidate.label === label && isStored(candidate));
  // Without one the daemon says so, in its own words.
  if (options.yes !== true && key !== undefined) {
    const which = key.hint === '' ? 'the key' : `the key …${key.hint}`;
    if (!(await promptYes(`Remove ${which} of ${keyName(name, label)} from the ${keySource(key)}?`, host))) {
      console.say('Nothing was removed.');
      return exitCode.refused;
    }
  }
  const { provider: after } = await tollgate.keys.remove({ provider: name, label });
  const left = after?.keys.filter(isKey) ?? [];
  const rest = left.length === 0 ? 'It has no key now.' : `Left: ${left.map((other) => [other.label || 'default', keySource(other)].join(', ')).join('; ')}.`;
  await console.out.write(console.safe(`${keyName(name, label)}: the key is removed. ${rest}\n`));
  return exitCode.done;
}
