import { GetConfigResponse } from '../../gen/tollgate/v1/config_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { openOrStart } from './open-client.ts';

export async function showConfig(options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const config = await tollgate.config.get();
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.GetConfigResponse', GetConfigResponse.encode(config)))}\n`);
    return exitCode.done;
  }
  const value: unknown = JSON.parse(config.configJson);
  await console.out.write(console.safe(`${JSON.stringify(value, undefined, 2)}\n`));
  console.say(config.path, 'dim');
  return exitCode.done;
}

/** The file that the daemon of this home reads. Asks nobody. */
export async function configPath(host: CliHost, console: Console): Promise<number> {
  await console.out.write(`${host.environment.home.configFile}\n`);
  return exitCode.done;
}

/** The names on a path: dots stand between them, and one that holds dots stands in backticks. */
function namesOn(path: string): string[] {
  if (/^(?:`[^`]+`|[^.`]+)(?:\.(?:`[^`]+`|[^.`]+))*$/.test(path)) return [...path.matchAll(/`([^`]+)`|[^.`]+/g)].map(([whole, quoted]) => quoted ?? whole);
  throw new CliError(
    exitCode.wrongUse, `"${path}" is no place in the config.`,
    'Write names with dots between them, e.g. routing.local_only; one that holds a dot itself in backticks: \'providers.`my.server`.base_url\'.',
  );
}

/** What was typed: JSON where it is JSON, the text itself otherwise. */
function valueOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

/** Puts what `config` has at these paths in the place of what stands there. */
export async function updateConfig(paths: readonly string[], config: unknown, outcome: string, host: CliHost, console: Console): Promise<number> {
  using tollgate = await openOrStart(host, console);
  const { restartNeeded } = await tollgate.config.update(JSON.stringify(config), paths);
  await console.out.write(console.safe(`${outcome}\n`));
  if (restartNeeded) console.say('It waits for a restart: `tollgate restart`.', 'yellow');
  return exitCode.done;
}

export async function setConfig(path: string, text: string, host: CliHost, console: Console): Promise<number> {
  const value = valueOf(text);
  const config = namesOn(path).reduceRight((inner: unknown, name) => ({ [name]: inner }), value);
  return updateConfig([path], config, `${path} = ${JSON.stringify(value)}`, host, console);
}

export async function unsetConfig(path: string, host: CliHost, console: Console): Promise<number> {
  namesOn(path);
  return updateConfig([path], {}, `${path} is unset: its default holds.`, host, console);
}
