import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { refuseSystemHome } from './prepare-home.ts';
import { startInBackground } from './start.ts';
import { refuseElsewhere, stopDaemon } from './stop.ts';

export async function restart(options: { readonly dev?: boolean }, host: CliHost, console: Console): Promise<number> {
  refuseElsewhere('restart', host);
  refuseSystemHome(host);
  const problem = await host.checkConfig();
  if (problem !== undefined) {
    throw new CliError(exitCode.refused, problem, 'A daemon with this would not start. Nothing was stopped or started.');
  }
  await stopDaemon(host, console);
  await startInBackground(host, console, options.dev === true);
  return exitCode.done;
}
