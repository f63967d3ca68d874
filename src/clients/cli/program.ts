import { Command, InvalidArgumentError, Option } from 'commander';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { addConfigVerbs, addKeysVerbs } from './keys-program.ts';
import { parseDuration } from '../../duration.ts';
import { addUsageVerbs } from './usage-program.ts';

function duration(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) throw new InvalidArgumentError('Write a duration such as 90s, 5m, 12h or 30d.');
  if (milliseconds < 1) throw new InvalidArgumentError('Write a duration longer than nothing.');
  return milliseconds;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 0x7fff_ffff) throw new InvalidArgumentError('Write a whole number below 2147483648.');
  return number;
}

function temperature(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) > 2) throw new InvalidArgumentError('Write a number from 0 to 2, such as 0.7.');
  return Number(text);
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

const examples = `
Examples:
  tollgate generate "Why is the sky blue?"
  git diff | tollgate generate "Write a commit message for this" --model anthropic/claude-sonnet-4-5
  tollgate chat
  tollgate models llama
  tollgate keys set openai
  tollgate token create my-app --scope generate --ttl 30d
  tollgate usage by model --since 7d

Exit codes: 0 done, 1 the daemon said no, 2 wrong use, 3 daemon not reachable,\n130 Ctrl-C.`;

function addDaemonVerbs(program: Command, host: CliHost, console: Console, end: (code: number) => void): void {
  const dev = (): Option => new Option('--dev', 'ask nobody for a token (loopback only; for trying things out)');
  program.command('start').description('start the daemon in the background')
    .option('--foreground', 'run it here until it is stopped')
    .addOption(dev())
    .addOption(new Option('--auto-started').hideHelp())
    .addOption(new Option('--log-file <path>').hideHelp())
    .action(async (options) => end(await (await import('./start.ts')).start(options, host, console)));
  program.command('stop').description('let running calls finish, then stop the daemon')
    .action(async () => end(await (await import('./stop.ts')).stop(host, console)));
  program.command('restart').description('stop the daemon and start it with this environment')
    .addOption(dev())
    .action(async (options) => end(await (await import('./restart.ts')).restart(options, host, console)));
  program.command('recover').description('make damaged usage records usable again, while no daemon runs')
    .option('--json', 'one JSON object')
    .action(async (options) => end(await (await import('./recover.ts')).recover(options, host, console)));
  program.command('status').description('say whether the daemon runs, where, and who you are to it')
    .option('--json', 'one JSON object')
    .action(async (options) => end(await (await import('./status.ts')).status(options, host, console)));
}

function addAskingVerbs(program: Command, host: CliHost, console: Console, end: (code: number) => void): void {
  const model = (): Option => new Option('-m, --model <id>', "an alias, provider/model, or a model's own id (default: the config's)");
  const system = (): Option => new Option('-s, --system <text>', 'instructions for the model');
  program.command('generate').description('ask once; the prompt is the words given, then standard input')
    .argument('[prompt...]', 'what to ask; "-" reads standard input only')
    .addOption(model())
    .addOption(system())
    .addOption(new Option('-i, --image <file>', 'a picture to show (repeatable)').argParser(collect))
    .addOption(new Option('--max-output-tokens <n>', 'the most tokens of the answer').argParser(wholeNumber))
    .addOption(new Option('--temperature <n>', 'how freely the model picks, 0 to 2').argParser(temperature))
    .option('--effort <word>', "how much to think, in the provider's words, e.g. low, high")
    .option('--idempotency-key <key>', 'the same key and request within 24 h are answered, and paid for, once')
    .addOption(new Option('--timeout <duration>', 'give up after this long, e.g. 90s').argParser(duration))
    .option('--show-reasoning', 'show what the model thinks, on standard error')
    .option('-q, --quiet', 'no usage line')
    .option('--json', 'the events, one JSON object a line')
    .action(async (words, options) => end(await (await import('./generate.ts')).generate(words, options, host, console)));
  program.command('plan').description('say whom generate would ask, who would be passed over and why, and the most that it can cost; asks nobody')
    .argument('[prompt...]', 'what would be asked (default: nothing, which is enough to see the route)')
    .addOption(model())
    .addOption(system())
    .addOption(new Option('--max-output-tokens <n>', 'the most tokens of the answer').argParser(wholeNumber))
    .option('--json', 'one JSON object')
    .action(async (words, options) => end(await (await import('./plan.ts')).plan(words, options, host, console)));
  program.command('resume').description('go on with an answer whose connection was lost')
    .argument('<generation>', 'its id, which generate --json shows')
    .addOption(new Option('--after-seq <n>', 'the last event that came (default: from the first one)').argParser(wholeNumber))
    .option('--show-reasoning', 'show what the model thinks, on standard error')
    .option('-q, --quiet', 'no usage line')
    .option('--json', 'the events, one JSON object a line')
    .action(async (generation, options) => end(await (await import('./resume.ts')).resume(generation, options, host, console)));
  program.command('chat').description('talk to a model; a pipe sends one line a turn')
    .addOption(model())
    .addOption(system())
    .option('--show-reasoning', 'show what the model thinks, on standard error')
    .option('-q, --quiet', 'no usage lines')
    .option('--no-history', `do not keep what is typed at a terminal (else it stays in ${host.environment.home.chatHistoryFile})`)
    .action(async (options) => end(await (await import('./chat.ts')).chat(options, host, console)));
  program.command('embed').description('turn texts into vectors, one a line; without texts, each line of standard input is one')
    .argument('[texts...]', 'the texts')
    .addOption(model().makeOptionMandatory())
    .addOption(new Option('--dimensions <n>', "how long each vector shall be (default: the model's own length)").argParser(wholeNumber))
    .option('-q, --quiet', 'no usage line')
    .option('--json', 'one JSON object')
    .action(async (texts, options) => end(await (await import('./embed.ts')).embed(texts, options, host, console)));
  program.command('models').description('list the models that can be asked now')
    .argument('[filter]', 'only ids that hold these words')
    .option('-p, --provider <name>', 'only this provider')
    .option('-v, --verbose', 'say why each provider that is not ready is not')
    .option('--json', 'one JSON object')
    .action(async (filter, options) => end(await (await import('./models.ts')).models(filter, options, host, console)));
}

function addTokenVerbs(program: Command, host: CliHost, console: Console, end: (code: number) => void): void {
  const token = program.command('token').description('tokens for apps');
  token.command('create').description('make a token; it is shown this once')
    .argument('<client>', "the app's name")
    .addOption(new Option('--scope <scope>', 'what it may do (repeatable)').argParser(collect).makeOptionMandatory())
    .addOption(new Option('--tier <tier>', 'its tier (default: premium)').choices(['free', 'member', 'pro', 'premium', 'admin']))
    .addOption(new Option('--ttl <duration>', 'how long it lasts (default: 30d)').argParser(duration))
    .addOption(new Option('--model <glob>', 'only these models (repeatable)').argParser(collect))
    .addOption(new Option('--provider <glob>', 'only these providers (repeatable)').argParser(collect))
    .option('--json', 'one JSON object')
    .action(async (client, options) => end(await (await import('./token.ts')).createToken(client, options, host, console)));
  token.command('list').description('list the tokens that were made here, never the tokens themselves')
    .option('--json', 'one JSON object')
    .action(async (options) => end(await (await import('./token-list.ts')).listTokens(options, host, console)));
  token.command('revoke').description('end a token before its time: its calls are refused, open streams are cut')
    .argument('<id>', 'its id, which `tollgate token list` shows')
    .option('--unlisted', 'also an id that is not listed, as of a token that was made elsewhere')
    .action(async (id, options) => end(await (await import('./token-revoke.ts')).revokeToken(id, options, host, console)));
}

/** The commands and their options. What a verb does is loaded when it runs. `end` gets the exit code. */
export function buildProgram(host: CliHost, console: Console, end: (code: number) => void): Command {
  const program = new Command('tollgate')
    .description('One daemon holds the keys of your language models, and streams their answers.')
    .version(host.version, '-V, --version')
    .helpCommand(false)
    .showHelpAfterError(`(${host.command} --help shows how it is used)`)
    .configureOutput({
      writeOut: (text) => void console.out.write(text),
      writeErr: (text) => void console.err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'tollgate: ')),
    })
    .exitOverride()
    .addHelpText('after', examples);
  addAskingVerbs(program, host, console, end);
  addDaemonVerbs(program, host, console, end);
  addKeysVerbs(program, host, console, end);
  addTokenVerbs(program, host, console, end);
  addConfigVerbs(program, host, console, end);
  addUsageVerbs(program, host, console, end);
  program.command('help').description('show how a command is used').argument('[command...]', 'which one')
    .action((names: string[]) => {
      const found = names.reduce<Command | undefined>((parent, name) => parent?.commands.find((command) => command.name() === name), program);
      if (found === undefined) program.error(`error: there is no command '${names.join(' ')}'`);
      else found.outputHelp();
    });
  return program;
}
