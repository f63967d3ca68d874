import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { startInBackground } from './start.ts';
import { stopDaemon } from './stop.ts';

export async function restart(options: { readonly dev?: boolean }, host: CliHost, console: Console): Promise<number> {
  await stopDaemon(host, console);
  await startInBackground(host, console, options.dev === true);
  return exitCode.done;
}
