import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { type Provider, ValidateKeyResponse_Verdict as Verdict } from '../../gen/tollgate/v1/keys_service.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { isStored, keyHint, sayStore } from './describe-key.ts';
import { fileProblem } from './file-problem.ts';
import type { FoundKey } from './found-keys.ts';
import { type KeyPlace, readKeyFile, wipeKeyFile, type Wiped } from './key-files.ts';
import { type KeyNames, keyNames } from './key-names.ts';
import { openOrStart } from './open-client.ts';
import { promptYes } from './prompt.ts';
import { table } from './table.ts';
import { variableKeys } from './variable-keys.ts';

export interface ImportKeysOptions {
  /** Only these files. Unset is the environment, the old app's files, ./.env and ./.env.local. */
  readonly from?: readonly string[];
  /** Does not ask before it stores. */
  readonly yes?: boolean;
  /** Whether the plaintext is emptied. Unset is to ask. */
  readonly wipe?: boolean;
  /** Whether the providers are asked about the keys. Unset is yes. */
  readonly check?: boolean;
}

interface Import {
  readonly tollgate: Tollgate;
  readonly host: CliHost;
  readonly console: Console;
  readonly options: ImportKeysOptions;
  readonly names: KeyNames;
  /** The last characters of each provider's stored default key. */
  readonly stored: ReadonlyMap<string, string>;
  /** What this run stored, by provider. */
  readonly imported: Map<string, string>;
  failed: boolean;
}

const columns = ['PROVIDER', 'KEY', 'NAME', 'WHERE', ''].map((head) => ({ head }));

function oldAppFiles({ environment }: CliHost): { readonly plain: string; readonly encrypted: string } {
  const folder = join(environment.variables['HOME'] || homedir(), '.humanizer');
  return { plain: join(folder, 'config', 'ai-config.json'), encrypted: join(folder, 'secure', 'api-keys.enc.json') };
}

async function placesFrom(files: readonly string[], names: KeyNames): Promise<KeyPlace[]> {
  return Promise.all(files.map(async (file) => {
    const place = await readKeyFile(file, names);
    if (place === undefined) throw new CliError(exitCode.wrongUse, `There is no file ${file}.`);
    return place;
  }));
}

async function usualPlaces(host: CliHost, console: Console, names: KeyNames): Promise<KeyPlace[]> {
  const environment = { ...variableKeys(host.environment.variables, names), title: 'environment', file: undefined };
  const { plain, encrypted } = oldAppFiles(host);
  const places: KeyPlace[] = [environment];
  for (const file of [plain, '.env', '.env.local']) {
    try {
      const place = await readKeyFile(file, names);
      if (place !== undefined) places.push(place);
    } catch (error) {
      // One file that cannot be read does not stand in the way of the others.
      console.say(`tollgate: ${error instanceof Error ? error.message : String(error)}`, 'yellow');
    }
  }
  const isThere = await stat(encrypted).then(() => true, () => false);
  if (isThere) console.say(`tollgate: ${encrypted} is encrypted for the desktop app and cannot be read outside of it. Copy its keys there, then \`tollgate keys set <provider>\`.`, 'yellow');
  return places;
}

/** Why a key is left out. Undefined when it is to be stored. */
function reasonAgainst({ provider, key }: FoundKey, { stored, imported }: Import): string | undefined {
  const other = imported.get(provider);
  if (other !== undefined) return other === key ? undefined : 'left out: another one was just stored';
  const hint = stored.get(provider);
  return hint === undefined || hint === keyHint(key).slice(1) ? undefined : `left out: ${hint === '' ? 'another one' : `…${hint}`} is stored`;
}

/** A place as people write it: from where they stand, or from their home. */
function shown({ title, file }: KeyPlace): string {
  if (file === undefined) return title;
  const near = relative('', resolve(file));
  if (!near.startsWith('..')) return near;
  const inHome = relative(homedir(), resolve(file));
  return inHome.startsWith('..') ? title : join('~', inHome);
}

async function storeKey(found: FoundKey, place: KeyPlace, run: Import): Promise<boolean> {
  const { tollgate, console, options } = run;
  const { provider, key } = found;
  if (run.imported.get(provider) === key) return true;
  const settings = Object.fromEntries(place.settings.filter((setting) => setting.provider === provider).map(({ setting, value }) => [setting, value]));
  const done = await console.spin(`storing the key of ${provider}`);
  let verdict: Verdict;
  try {
    ({ verdict } = await tollgate.keys.set({ provider, key, settings, skipValidation: options.check === false }));
  } catch (error) {
    const isAboutKey = error instanceof TollgateError && error.metadata['provider'] === provider && !['KEYS_LOCKED', 'KEY_STORE_UNAVAILABLE'].includes(error.reason);
    if (!isAboutKey && !(error instanceof TollgateError && error.code === 'INVALID_ARGUMENT')) throw error;
    console.say(`tollgate: ${found.name} of ${shown(place)} was not stored: ${error.message} (${error.reason})`, 'red');
    run.failed = true;
    return false;
  } finally {
    done();
  }
  run.imported.set(provider, key);
  const said = verdict === Verdict.VALID ? 'is good and stored' : verdict === Verdict.UNKNOWN ? 'is stored, but nobody could say whether it is good' : 'is stored';
  const more = Object.entries(settings).map(([name, value]) => ` ${name} = ${value}.`).join('');
  await console.out.write(console.safe(`${provider}: ${keyHint(key) || 'the key'} from ${shown(place)} ${said}.${more}\n`));
  return true;
}

async function wipe(place: KeyPlace & { readonly file: string }, keys: ReadonlySet<string>, run: Import): Promise<void> {
  const { host, console, options, names } = run;
  const where = shown(place);
  const isWanted = options.wipe ?? (host.stdin.isTTY && await promptYes(`Empty the plaintext in ${where}? Only the keys go, the rest stays.`, host));
  if (!isWanted) {
    console.say(`${where} still holds what was stored${options.wipe === undefined && !host.stdin.isTTY ? '; --wipe empties it' : ''}.`, 'yellow');
    return;
  }
  let wiped: Wiped;
  try {
    wiped = await wipeKeyFile(place.file, names, keys);
  } catch (error) {
    // The keys are stored, and the other places wait for their turn.
    const problem = fileProblem(error, where) ?? (error instanceof Error ? error.message : String(error));
    console.say(`tollgate: ${where} was not emptied. ${problem}`, 'red');
    run.failed = true;
    return;
  }
  const { linesLeft, othersLeft, hasOtherName } = wiped;
  if (linesLeft.length > 0) console.say(`${where} still holds a key in line ${linesLeft.join(', ')}: empty it by hand.`, 'yellow');
  else await console.out.write(console.safe(`${where}: ${othersLeft.length > 0 ? 'emptied of what was stored' : 'emptied'}. Backups and old commits of it may still hold the keys.\n`));
  if (othersLeft.length > 0) console.say(`${where} still holds ${othersLeft.length === 1 ? 'a key that was' : `${othersLeft.length} keys that were`} not stored: ${othersLeft.join(', ')}.`, 'yellow');
  if (hasOtherName) console.say(`${where} has another name (a hard link), under which the keys still stand.`, 'yellow');
}

async function importPlace(place: KeyPlace, run: Import): Promise<void> {
  const { host, console, options } = run;
  const wanted = place.keys.filter((found) => reasonAgainst(found, run) === undefined);
  const [first] = wanted;
  if (first === undefined) return;
  const what = wanted.length === 1 ? `the key of ${first.provider}` : `${wanted.length} keys`;
  if (options.yes !== true && !(await promptYes(`Store ${what} from ${shown(place)}?`, host))) return;
  const kept = new Set<string>();
  for (const found of wanted) {
    if (reasonAgainst(found, run) === undefined && await storeKey(found, place, run)) kept.add(found.key);
  }
  if (kept.size === 0) return;
  const { file } = place;
  if (file !== undefined) return wipe({ ...place, file }, kept, run);
  const names = wanted.filter(({ key }) => kept.has(key)).map(({ name }) => name);
  console.say(`${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} still set in your shell: take ${names.length === 1 ? 'it' : 'them'} out of where that is done, e.g. ~/.profile.`, 'yellow');
}

function storedHints(providers: readonly Provider[]): Map<string, string> {
  return new Map(providers.flatMap(({ name, keys }) => {
    const key = keys.find((stored) => stored.label === '' && isStored(stored));
    return key === undefined ? [] : [[name, key.hint] as const];
  }));
}

export async function importKeys(options: ImportKeysOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await openOrStart(host, console);
  const { providers } = await tollgate.keys.list();
  const names = keyNames(providers);
  const places = options.from === undefined ? await usualPlaces(host, console, names) : await placesFrom(options.from, names);
  const run: Import = { tollgate, host, console, options, names, stored: storedHints(providers), imported: new Map(), failed: false };
  const rows = places.flatMap((place) => [
    ...place.keys.map((found) => [found.provider, keyHint(found.key), found.name, shown(place), reasonAgainst(found, run) ?? '']),
    ...place.unreadable.map((name) => ['', '', name, shown(place), 'encrypted: not readable outside the app that wrote it']),
  ]);
  if (rows.length > 0) await console.out.write(console.safe(await table(columns, rows)));
  if (!places.some(({ keys }) => keys.length > 0)) {
    console.say(`tollgate: no key was found in ${places.map(shown).join(', ')}.`);
    return exitCode.done;
  }
  if (options.yes !== true && !host.stdin.isTTY) throw new CliError(exitCode.wrongUse, 'Nobody is here to be asked. Nothing was stored.', 'Add --yes to store these keys without a question.');
  for (const place of places) await importPlace(place, run);
  if (run.imported.size > 0) sayStore((await tollgate.keys.list()).keyStore, console);
  return run.failed ? exitCode.refused : exitCode.done;
}
