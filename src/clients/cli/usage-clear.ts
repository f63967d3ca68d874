import { ClearUsageResponse } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { formatTime } from './format-time.ts';
import { promptYes } from './prompt.ts';

export interface UsageClearOptions {
  readonly before: Date;
  /** Does not ask. */
  readonly yes?: boolean;
  readonly json?: boolean;
}

export async function usageClear({ before, yes = false, json = false }: UsageClearOptions, host: CliHost, console: Console): Promise<number> {
  if (!yes && !host.stdin.isTTY) {
    throw new CliError(exitCode.wrongUse, 'Nobody is here to be asked. Nothing was forgotten.', 'Add --yes to forget without a question.');
  }
  using tollgate = await connect({ environment: host.environment });
  const question = `Forget what was settled before ${formatTime(before)}? It cannot be brought back; \`${host.command} usage export --until ${before.toISOString()}\` keeps a copy.`;
  if (!yes && !(await promptYes(question, host))) {
    console.say('Nothing was forgotten.');
    return exitCode.done;
  }
  const count = await tollgate.usage.clear(before);
  if (json) await console.out.write(`${await canonicalJson('tollgate.v1.ClearUsageResponse', ClearUsageResponse.encode({ clearedCount: count }))}\n`);
  else await console.out.write(`${count} generation${count === 1n ? '' : 's'} forgotten.\n`);
  return exitCode.done;
}
