import { CliError, exitCode } from './cli-error.ts';
import { beginsLikeKey, looksLikeKey } from './looks-like-key.ts';

const keyOption = /^(?:-k|--?(?:api[-_]?)?(?:key|token|secret|password|passphrase))=?$/i;

function valueOf(argument: string): string {
  return argument.slice(argument.indexOf('=') + 1);
}

/** Whether an argument is an option that would hold a key, which no verb has, or a setting of such a name. */
function namesKey(argument: string): boolean {
  const [name = ''] = argument.split('=', 1);
  if (argument.startsWith('-')) return keyOption.test(name) && name !== '--passphrase';
  return argument.includes('=') && keyOption.test(`--${name}`);
}

/** What to say of a key that was given as an argument. The argument itself is in no message. */
export function keyOnCommandLine(): CliError {
  return new CliError(
    exitCode.wrongUse, 'A key never goes on the command line: other programs can read it there, and your shell keeps it. Nothing was done with it.',
    'If it is a real key, it is known now: replace it at the provider. `tollgate keys set <provider>` then asks for the new one, or reads it from standard input.',
  );
}

/** Throws wrong use when the arguments of a verb that deals in keys seem to hold one. Before they are parsed, whose errors would show it. */
export function refuseKeyArguments([verb = '', ...args]: readonly string[]): void {
  if (verb !== 'keys' && verb !== 'config') return;
  const isKey = verb === 'keys' && args[0] !== 'import' ? looksLikeKey : beginsLikeKey;
  const holdsKey = args.some((argument) => (
    isKey(argument) || (argument.startsWith('-') ? isKey : beginsLikeKey)(valueOf(argument)) || (verb === 'keys' && namesKey(argument))
  ));
  if (holdsKey) throw keyOnCommandLine();
}
