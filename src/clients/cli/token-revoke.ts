import { connect } from '../typescript/connect.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';

/** What a token begins with and its id does not. */
const JWT = /^ey[\w-]+\.[\w-]+\.[\w-]*$/;

export interface RevokeTokenOptions {
  /** Takes an id that is not listed, as of a token that was made elsewhere. */
  readonly unlisted?: boolean;
}

export async function revokeToken(id: string, options: RevokeTokenOptions, host: CliHost, console: Console): Promise<number> {
  if (JWT.test(id)) throw new CliError(exitCode.wrongUse, 'This is a token, not its id.', '`tollgate token list` shows the ids. Who types tokens leaves them in the history of the shell.');
  using tollgate = await connect({ environment: host.environment });
  if (options.unlisted !== true && !(await tollgate.listTokens()).some((listed) => listed.id === id)) {
    throw new CliError(
      exitCode.refused, `No token ${id} was made here, or it has expired. Nothing was revoked.`,
      '`tollgate token list` shows the ids. For a token that was made elsewhere, e.g. by an outside issuer, add --unlisted.',
    );
  }
  const { token } = await tollgate.revokeToken(id);
  const whose = token === undefined || token.client === '' ? 'It was not made here; whatever token has this id is refused from now on.' : `It was ${token.client}'s; its calls are refused from now on.`;
  await console.out.write(console.safe(`Token ${id} is revoked. ${whose}\n`));
  return exitCode.done;
}
