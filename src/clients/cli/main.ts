import { CommanderError } from 'commander';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import { openConsole } from './console.ts';
import { buildProgram } from './program.ts';

export type { CliHost, DaemonOptions } from './cli-host.ts';

const shells = ['zsh', 'bash', 'fish', 'powershell'];

/** Runs one `tollgate …` command. Resolves with its exit code; never rejects. */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  const console = openConsole(host);
  let code: number = exitCode.done;
  try {
    const program = buildProgram(host, console, (ended) => {
      code = ended;
    });
    if (argv[0] === 'completion' || argv[0] === 'complete') {
      const { default: addCompletion } = await import('@bomb.sh/tab/commander');
      addCompletion(program, { completionCommandName: 'completion' });
    } else {
      program.command('completion').description('print a completion script for your shell').argument('<shell>', shells.join(', '));
    }
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.wrongUse;
    const { explainError } = await import('./explain-error.ts');
    const { lines, exitCode: failed } = explainError(error, host.environment);
    lines.forEach((line, index) => console.say(line, index === 0 ? 'red' : undefined));
    return failed;
  }
}
