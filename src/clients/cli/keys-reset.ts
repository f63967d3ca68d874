import { connect } from '../typescript/connect.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';

/** Lets the daemon forget failures: whoever cools down is called again at once. */
export async function resetKeys(provider: string | undefined, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  await tollgate.keys.resetHealth(provider);
  console.say(`tollgate: the failures of ${provider ?? 'all providers'} are forgotten.`);
  return exitCode.done;
}
