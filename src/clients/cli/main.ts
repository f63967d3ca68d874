import { setImmediate } from 'node:timers/promises';
import { CommanderError } from 'commander';
import { checkAddress } from './check-address.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import { type Console, openConsole } from './console.ts';
import { buildProgram } from './program.ts';
import { refuseKeyArguments } from './refuse-key-arguments.ts';

export type { CliHost, DaemonOptions } from './cli-host.ts';

const shells = ['zsh', 'bash', 'fish', 'powershell'];

/** Writes a completion script of our own. False for a shell whose script the library writes. */
async function ownCompletion([verb, shell = '']: readonly string[], console: Console): Promise<boolean> {
  if (verb !== 'completion') return false;
  const { completionScripts } = await import('./completion-script.ts');
  const script = completionScripts.get(shell);
  if (script === undefined) return false;
  await console.out.write(script);
  return true;
}

async function run(argv: readonly string[], host: CliHost, console: Console): Promise<number> {
  let code: number = exitCode.done;
  refuseKeyArguments(argv);
  const program = buildProgram(host, console, (ended) => {
    code = ended;
  });
  if (argv[0] === 'completion' || argv[0] === 'complete') {
    if (await ownCompletion(argv, console)) return code;
    const { default: addCompletion } = await import('@bomb.sh/tab/commander');
    addCompletion(program, { completionCommandName: 'completion' });
  } else {
    program.command('completion').description('print a completion script for your shell').argument('<shell>', shells.join(', '));
    program.hook('preAction', (_program, action) => {
      // The daemon and its start do not call an address.
      if (action.name() !== 'start') checkAddress(host.environment);
    });
  }
  await program.parseAsync([...argv], { from: 'user' });
  return code;
}

async function tell(error: unknown, argv: readonly string[], host: CliHost, console: Console): Promise<number> {
  const isUsage = error instanceof CommanderError;
  if (isUsage && error.exitCode === 0) return exitCode.done;
  const { errorJson, wantsJson } = await import('./error-json.ts');
  if (wantsJson(argv)) {
    const told = isUsage ? new CliError(exitCode.wrongUse, error.message.replace(/^error: /, '')) : error;
    await console.out.write(`${console.safe(errorJson(told))}\n`);
  }
  if (isUsage) return exitCode.wrongUse;
  const { explainError } = await import('./explain-error.ts');
  const { lines, exitCode: failed } = explainError(error, host.environment);
  lines.forEach((line, index) => console.say(line, index === 0 ? 'red' : undefined));
  return failed;
}

/** Runs one `tollgate …` command. Resolves with its exit code; never rejects. */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  const console = openConsole(host);
  const ended = await run(argv, host, console).catch((error: unknown) => tell(error, argv, host, console));
  // A disk that is full says so only after the write.
  await setImmediate();
  const { failure } = console.out;
  if (failure === undefined) return ended;
  const { fileProblem } = await import('./file-problem.ts');
  console.say(`tollgate: The answer is not whole. ${fileProblem(failure, 'Standard output') ?? `Standard output: ${failure.message}`}`, 'red');
  return exitCode.refused;
}
