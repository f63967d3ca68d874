import { WhoAmIResponse } from '../../gen/tollgate/v1/access_service.ts';
import type { Provider } from '../../gen/tollgate/v1/keys_service.ts';
import { connect } from '../typescript/connect.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { configProblem } from './config-problem.ts';
import { healthJson, healthTable } from './health-table.ts';
import { findRunningDaemon } from './running-daemon.ts';

interface Caller {
  readonly whoAmI?: WhoAmIResponse;
  /** Unset when the caller may not see them. */
  readonly providers?: readonly Provider[];
  readonly error?: TollgateError;
}

interface Found {
  readonly running: boolean;
  readonly ready: boolean;
  readonly address: string | undefined;
  readonly pid?: number;
  readonly version?: string;
  readonly socket?: string | null;
  readonly grpc?: string | null;
  readonly http?: string | null;
  readonly embedded?: boolean;
  readonly configProblem?: string | undefined;
  readonly booksProblem?: string | undefined;
}

async function findLocal(host: CliHost): Promise<Found> {
  const { file, answers, ready } = await findRunningDaemon(host);
  if (file === undefined || !answers) return { running: false, ready: false, address: undefined };
  return { running: true, ready, address: undefined, ...file };
}

async function findAt(address: string, host: CliHost): Promise<Found> {
  try {
    using tollgate = await connect({ environment: host.environment });
    return { running: true, ready: await tollgate.ready({ timeoutMs: 5000 }), address };
  } catch (error) {
    if (error instanceof TollgateError) return { running: false, ready: false, address };
    throw error;
  }
}

/** A store of keys that hangs must not hide the rest. */
async function askProviders(tollgate: Tollgate): Promise<Pick<Caller, 'providers'>> {
  try {
    return { providers: (await tollgate.keys.list({ timeoutMs: 5000 })).providers };
  } catch (error) {
    if (error instanceof TollgateError) return {};
    throw error;
  }
}

async function askDaemon(host: CliHost): Promise<Caller> {
  try {
    using tollgate = await connect({ environment: host.environment });
    const whoAmI = await tollgate.whoAmI({ timeoutMs: 5000 });
    return whoAmI.scopes.includes('keys') ? { whoAmI, ...await askProviders(tollgate) } : { whoAmI };
  } catch (error) {
    if (error instanceof TollgateError) return { error };
    throw error;
  }
}

async function asJson({ configProblem: problem, booksProblem, ...found }: Found, caller: Caller, host: CliHost): Promise<string> {
  const who = caller.whoAmI && await canonicalJson('tollgate.v1.WhoAmIResponse', WhoAmIResponse.encode(caller.whoAmI));
  const { home } = host.environment;
  const whoAmI: unknown = who === undefined ? null : JSON.parse(who);
  return JSON.stringify({
    ...found, config_file: home.configFile, config_problem: problem ?? null, books_problem: booksProblem ?? null, state_dir: home.stateDir, log_file: home.logFile, cli_version: host.version, who_am_i: whoAmI,
    providers: caller.providers === undefined ? null : await healthJson(caller.providers),
  });
}

function callerLine({ whoAmI, error }: Caller): string {
  if (whoAmI === undefined) return error === undefined ? 'not known' : `${error.message} (${error.reason})`;
  const { client, tier, scopes, expiresAt } = whoAmI;
  const until = expiresAt === undefined ? '' : `, until ${expiresAt.toISOString()}`;
  return `${client}, tier ${tier}, scopes ${scopes.join(' ') || 'none'}${until}`;
}

async function asText(found: Found, caller: Caller, host: CliHost): Promise<string> {
  const rows: [string, string][] = [];
  if (found.running) {
    rows.push(['daemon', `${found.ready ? 'ready' : 'stopping'}${found.embedded === true ? ', inside another app' : ''}`]);
    if (found.pid !== undefined) rows.push(['pid', String(found.pid)]);
    if (found.version !== undefined) {
      rows.push(['version', found.version === host.version ? found.version : `${found.version} (this command is ${host.version})`]);
    }
    if (found.address !== undefined) rows.push(['address', found.address]);
    if (found.socket !== undefined) rows.push(['socket', found.socket ?? 'off']);
    if (found.grpc !== undefined) rows.push(['grpc', found.grpc ?? 'off']);
    if (found.http !== undefined) rows.push(['http', found.http ?? 'off']);
    rows.push(['you', callerLine(caller)]);
  } else {
    rows.push(['daemon', found.address === undefined ? `not running; start it with \`${host.command} start\`` : `nobody answers at ${found.address}`]);
  }
  const { configFile } = host.environment.home;
  rows.push(['config', found.configProblem === undefined ? configFile : configProblem(found.configProblem, configFile)], ['log', host.environment.home.logFile]);
  if (found.booksProblem !== undefined) rows.push(['books', `do not balance: ${found.booksProblem}`]);
  const health = await healthTable(caller.providers ?? []);
  return `${rows.map(([name, value]) => `${name.padEnd(8)} ${value}\n`).join('')}${health === '' ? '' : `\n${health}`}`;
}

export async function status(options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  const { address } = host.environment;
  const found = address === undefined ? await findLocal(host) : await findAt(address, host);
  const caller = found.running ? await askDaemon(host) : {};
  if (options.json === true) await console.out.write(`${await asJson(found, caller, host)}\n`);
  else await console.out.write(console.safe(await asText(found, caller, host)));
  return found.running ? exitCode.done : exitCode.unreachable;
}
