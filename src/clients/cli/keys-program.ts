import { type Command, Option } from 'commander';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

export function addKeysVerbs(program: Command, host: CliHost, console: Console, end: (code: number) => void): void {
  const keys = program.command('keys').description("the providers' keys: the daemon keeps them, nobody sees them again");
  const label = (what: string): Option => new Option('-l, --label <label>', what);
  const unchecked = (): Option => new Option('--no-check', 'store without asking the provider');
  keys.command('list').description('list the keys, and say where they are kept')
    .option('-a, --all', 'also providers that need a key and have none')
    .option('--json', 'one JSON object')
    .action(async (options) => end(await (await import('./keys-list.ts')).listKeys(options, host, console)));
  keys.command('set').description('check and store a key: asked for at a terminal and not shown, else read from standard input')
    .argument('<provider>', "the provider's name")
    // Whatever comes after it is not read aloud: it may be a key.
    .allowExcessArguments()
    .addOption(label('one of several keys of a provider (default: the unnamed one)'))
    .addOption(new Option('--setting <name=value>', 'what the provider needs beside the key (repeatable)').argParser(collect))
    .addOption(unchecked())
    .action(async (provider, options, { args }: Command) => end(await (await import('./keys-set.ts')).setKey(provider, args.slice(1), options, host, console)));
  keys.command('rm').description('remove a key').argument('<provider>', "the provider's name")
    .addOption(label('which key (default: the unnamed one)'))
    .option('-y, --yes', 'do not ask')
    .action(async (provider, options) => end(await (await import('./keys-rm.ts')).removeKey(provider, options, host, console)));
  keys.command('test').description('ask the providers whether the keys are good; ends with 1 when one is not')
    .argument('[provider]', 'only this provider')
    .addOption(label('only the key of this label'))
    .option('--json', 'one JSON object a line')
    .action(async (provider, options) => end(await (await import('./keys-test.ts')).testKeys(provider, options, host, console)));
  keys.command('import').description("store the keys of this environment, of ./.env and ./.env.local, and of the old desktop app's files")
    .addOption(new Option('--from <file>', 'only this .env or JSON file (repeatable)').argParser(collect))
    .option('-y, --yes', 'do not ask before storing')
    .option('--wipe', 'empty the plaintext of what was stored, without asking')
    .option('--no-wipe', 'leave the plaintext, without asking')
    .addOption(unchecked())
    .action(async (options) => end(await (await import('./keys-import.ts')).importKeys(options, host, console)));
  keys.command('reset').description('forget that a provider failed: it is called again at once').argument('[provider]', 'only this provider (default: all)')
    .action(async (provider) => end(await (await import('./keys-reset.ts')).resetKeys(provider, host, console)));
  keys.command('lock').description('let the daemon forget every key until they are unlocked')
    .action(async () => end(await (await import('./keys-lock.ts')).lockKeys(host, console)));
  keys.command('unlock').description('open the store of keys again; asks for its passphrase where it has one')
    .option('--passphrase', 'ask for a passphrase at once; a store without keys gets it as its own')
    .action(async (options) => end(await (await import('./keys-lock.ts')).unlockKeys(options, host, console)));
}

export function addConfigVerbs(program: Command, host: CliHost, console: Console, end: (code: number) => void): void {
  const config = program.command('config').description('the config file');
  config.command('show').description('print the config that the daemon uses')
    .option('--json', 'one JSON object: the text of the config, and its path')
    .action(async (options) => end(await (await import('./config.ts')).showConfig(options, host, console)));
  config.command('set').description('set one place of the config, at once and checked')
    .argument('<path>', 'names with dots between them, e.g. routing.local_only')
    .argument('<value>', 'JSON, or else a text')
    .action(async (path, value) => end(await (await import('./config.ts')).setConfig(path, value, host, console)));
  config.command('unset').description('take one place out of the config: its default holds')
    .argument('<path>', 'names with dots between them')
    .action(async (path) => end(await (await import('./config.ts')).unsetConfig(path, host, console)));
  config.command('preset').description('write a section of the config by its name, after showing it')
    .argument('<name>', 'parity: the tiers of the old desktop app')
    .option('-y, --yes', 'do not ask')
    .action(async (name, options) => end(await (await import('./config-preset.ts')).presetConfig(name, options, host, console)));
  config.command('path').description("print the config file's path")
    .action(async () => end(await (await import('./config.ts')).configPath(host, console)));
}
