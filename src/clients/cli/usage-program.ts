import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { parseMoment } from './parse-moment.ts';

const GROUP = /^(?:provider|model|client|day|hour|label:.+)$/;

function moment(text: string): Date {
  const time = parseMoment(text);
  if (time === undefined) throw new InvalidArgumentError('Write how long ago, such as 7d, or a day such as 2026-11-01.');
  return time;
}

function group(text: string, before: readonly string[] = []): string[] {
  if (!GROUP.test(text)) throw new InvalidArgumentError('Write provider, model, client, day, hour, or label:<name>.');
  if (before.includes(text)) throw new InvalidArgumentError('Write each once.');
  return [...before, text];
}

function label(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

const since = (otherwise: string): Option => new Option('--since <time>', `from this time on: how long ago (7d, 12h), a day (2026-11-01) or a month (2026-11) (default: ${otherwise})`).argParser(moment);
const until = (): Option => new Option('--until <time>', 'before this time (default: now)').argParser(moment);
const zone = (): Option => new Option('--time-zone <zone>', 'where days begin, e.g. Europe/Berlin (default: here)');

/** Adds what chooses generations. */
function choosing(command: Command): Command {
  return command
    .option('-c, --client <name>', 'only this client')
    .option('-p, --provider <name>', 'only this provider')
    .option('-m, --model <id>', "only this model, by the provider's own id")
    .addOption(new Option('--label <name=value>', 'only with this label (repeatable)').argParser(label));
}

type End = (code: number) => void;

/** `usage` takes the options that it shares with its own verbs wherever they stand: these ask for all of them (`optsWithGlobals`). */
function addUsage(program: Command, host: CliHost, console: Console, end: End): void {
  const usage = program.command('usage').description('what was used and what it cost: today, this month, and where it is heading')
    .addOption(zone())
    .option('--json', 'one JSON object')
    .action(async (options) => end(await (await import('./usage.ts')).usage(options, host, console)));
  choosing(usage.command('by').description('sums of the last 30 days, the dearest first')
    .argument('<group...>', 'provider, model, client, day, hour, or label:<name>; several divide further', group))
    .addOption(since('30 days ago'))
    .addOption(until())
    .addOption(zone())
    .option('--json', 'one JSON object')
    .action(async (groups, _own, command: Command) => end(await (await import('./usage-by.ts')).usageBy(groups, command.optsWithGlobals(), host, console)));
  choosing(usage.command('watch').description('show each generation as it ends, until Ctrl-C'))
    .option('--json', 'one JSON object a line')
    .action(async (_own, command: Command) => end(await (await import('./usage-watch.ts')).usageWatch(command.optsWithGlobals(), host, console)));
  choosing(usage.command('export').description('write every generation to standard output, the oldest first'))
    .addOption(new Option('--format <format>', 'how').choices(['ndjson', 'csv']).default('ndjson'))
    .addOption(since('the beginning'))
    .addOption(until())
    .action(async (options) => end(await (await import('./usage-export.ts')).usageExport(options, host, console)));
  usage.command('import').description('take in what another daemon exported as ndjson; what is known already does not count twice')
    .argument('<file>', 'the file; "-" is standard input')
    .option('--json', 'one JSON object')
    .action(async (file, _own, command: Command) => end(await (await import('./usage-import.ts')).usageImport(file, command.optsWithGlobals(), host, console)));
  usage.command('clear').description('forget old usage; what quotas have left stays as it is')
    .addOption(new Option('--before <time>', 'what was settled before: how long ago (90d), a day or a month').argParser(moment).makeOptionMandatory())
    .option('-y, --yes', 'do not ask')
    .option('--json', 'one JSON object')
    .action(async (_own, command: Command) => end(await (await import('./usage-clear.ts')).usageClear(command.optsWithGlobals(), host, console)));
}

/** The commands that show what was used. */
export function addUsageVerbs(program: Command, host: CliHost, console: Console, end: End): void {
  addUsage(program, host, console, end);
  program.command('quota').description("what a client's tier allows, and what is left of it")
    .argument('[client]', 'whose (default: yours)')
    .option('--json', 'one JSON object')
    .action(async (client, options) => end(await (await import('./quota.ts')).quota(client, options, host, console)));
  program.command('why').description('all about one generation: each attempt, its time, its tokens, its cost')
    .argument('[generation-id]', 'as `usage watch` names it (default: the one that ended last)')
    .option('--json', 'one JSON object')
    .action(async (id, options) => end(await (await import('./why.ts')).why(id, options, host, console)));
  addPrices(program, host, console, end);
}

function addPrices(program: Command, host: CliHost, console: Console, end: End): void {
  const prices = program.command('prices').description('what a model costs; without a model, which price list is in force')
    .argument('[model]', 'as in generate')
    .option('--json', 'one JSON object')
    .action(async (model: string | undefined, options) => end(model === undefined ? await (await import('./price-list.ts')).showPriceList(options, host, console) : await (await import('./prices.ts')).prices(model, options, host, console)));
  prices.command('update').description('let the daemon fetch the newest price list, once; the only time that it is fetched')
    .option('--file <file>', 'take this list instead, on a machine without network; "-" is standard input')
    .option('--allow-fewer', 'take it even when it has less than half of what ships')
    .option('--json', 'one JSON object')
    .action(async (_own, command: Command) => end(await (await import('./price-list.ts')).updatePriceList(command.optsWithGlobals(), host, console)));
  prices.command('reset').description('go back to the price list that ships')
    .option('--json', 'one JSON object')
    .action(async (_own, command: Command) => end(await (await import('./price-list.ts')).resetPriceList(command.optsWithGlobals(), host, console)));
}
