import { KeySource, type Provider, type SetKeyResponse, ValidateKeyResponse_Verdict as Verdict } from '../../gen/tollgate/v1/keys_service.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { isStored, keyHint, keyName, sayStore } from './describe-key.ts';
import { openOrStart } from './open-client.ts';
import { promptText } from './prompt.ts';
import { readSecret } from './read-secret.ts';
import { keyOnCommandLine } from './refuse-key-arguments.ts';

export interface SetKeyOptions {
  readonly label?: string;
  /** `name=value` each. */
  readonly setting?: readonly string[];
  /** Whether the provider is asked about the key. Unset is yes. */
  readonly check?: boolean;
}

type Settings = Record<string, string>;

function parseSettings(pairs: readonly string[]): Settings {
  return Object.fromEntries(pairs.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new CliError(exitCode.wrongUse, `"${pair}" is no setting.`, 'Write name=value, e.g. --setting account_id=0123; name= removes it.');
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
}

async function askSettings(provider: Provider, settings: Settings, host: CliHost, console: Console): Promise<void> {
  for (const name of provider.missingSettings) {
    const setting = provider.availableSettings.find((candidate) => candidate.name === name);
    // An address is no setting: only the config holds it.
    if (settings[name] !== undefined || setting === undefined) continue;
    console.say(`${name}: ${setting.description}`);
    const value = await promptText(`${name}> `, host);
    if (value === '') throw new CliError(exitCode.wrongUse, `${provider.name} cannot be called without ${name}. Nothing was stored.`);
    settings[name] = value;
  }
}

function checkKeyText(key: string): void {
  // oxlint-disable-next-line no-control-regex
  if (/[\s\u0000-\u001f\u007f]/u.test(key)) throw new CliError(exitCode.wrongUse, 'What was given is not one key: it has blanks, several lines or control characters. Nothing was stored.');
}

function outcome(provider: Provider, label: string, key: string, { verdict, message }: SetKeyResponse): string {
  const which = `${keyName(provider.name, label)}: the key ${keyHint(key)}`.trimEnd();
  const why = message === '' ? '' : ` (${message.replace(/\.$/, '')})`;
  if (verdict === Verdict.VALID) return `${which} is good, says ${provider.displayName}${why}. It is stored and used from now on.`;
  if (verdict === Verdict.UNKNOWN) return `${which} is stored and used from now on, but nobody could say whether it is good${why}.`;
  return `${which} is stored and used from now on. It was not checked.`;
}

/** Before a person types a key in vain. */
async function checkStore(tollgate: Tollgate): Promise<void> {
  const { keyStore } = await tollgate.keys.list();
  if (keyStore?.locked === true) throw new CliError(exitCode.refused, 'The keys are locked: none can be stored.', 'Open them first: `tollgate keys unlock`');
  if (keyStore?.source === KeySource.UNSPECIFIED) throw new CliError(exitCode.refused, `There is nowhere to keep a key. ${keyStore.problem}`.trimEnd());
}

/** Says what else a person should know once the key is stored. */
async function sayAfter(tollgate: Tollgate, before: Provider | undefined, after: Provider, console: Console): Promise<void> {
  const hidden = before?.keys.find(({ label, source }) => label === '' && source === KeySource.ENVIRONMENT);
  const isHidden = hidden !== undefined && after.keys.some((key) => key.label === '' && isStored(key));
  if (isHidden) console.say(`It is used instead of ${hidden.envName || "the environment's key"}.`, 'dim');
  sayStore((await tollgate.keys.list()).keyStore, console);
}

export async function setKey(name: string, extra: readonly string[], options: SetKeyOptions, host: CliHost, console: Console): Promise<number> {
  if (extra.length > 0) throw keyOnCommandLine();
  const { label = '' } = options;
  const settings = parseSettings(options.setting ?? []);
  using tollgate = await openOrStart(host, console);
  const { provider: before } = await tollgate.keys.get(name);
  if (before?.missingSettings.includes('base_url') === true) {
    throw new CliError(exitCode.refused, `A key belongs to one address, and ${name} has none yet.`, `Set it first: \`tollgate config set providers.${name}.base_url <url>\``);
  }
  if (host.stdin.isTTY && before !== undefined) {
    await checkStore(tollgate);
    await askSettings(before, settings, host, console);
  }
  const hasSettings = Object.keys(settings).length > 0;
  const keeps = hasSettings && before?.keys.some((key) => key.label === label && isStored(key)) === true;
  const question = `Key for ${keyName(before?.displayName || name, label)}${keeps ? ' (Enter keeps the one it has)' : ''}, not shown: `;
  const key = await readSecret(question, 'the key', host, console);
  checkKeyText(key);
  if (key === '' && !hasSettings) throw new CliError(exitCode.wrongUse, 'There is no key. Nothing was stored.', ...(before?.docsUrl ? [`A key comes from ${before.docsUrl}`] : []));
  const done = await console.spin(options.check === false || key === '' ? 'storing' : `asking ${before?.displayName || name} about the key`);
  let stored: SetKeyResponse;
  try {
    stored = await tollgate.keys.set({ provider: name, label, key, settings, skipValidation: options.check === false });
  } finally {
    done();
  }
  const after = stored.provider ?? before;
  if (after === undefined) return exitCode.done;
  await console.out.write(console.safe(key === '' ? `${name}: ${Object.keys(settings).join(', ')} set; the key was left as it is.\n` : `${outcome(after, label, key, stored)}\n`));
  await sayAfter(tollgate, before, after, console);
  return exitCode.done;
}
