import { ListTokensResponse, type Token } from '../../gen/tollgate/v1/access_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { shortTime } from './short-time.ts';
import { table } from './table.ts';

export interface ListTokensOptions {
  readonly json?: boolean;
}

const columns = ['ID', 'CLIENT', 'SCOPES', 'TIER', 'ONLY', 'UNTIL'].map((head) => ({ head }));

function until({ expiresAt, revokedAt }: Token): string {
  if (revokedAt !== undefined) return `revoked ${shortTime(revokedAt)}`;
  return expiresAt === undefined ? '' : shortTime(expiresAt);
}

const row = (token: Token): string[] => [token.id, token.client, token.scopes.join(' '), token.tier, [...token.providers, ...token.models].join(' '), until(token)];

export async function listTokens(options: ListTokensOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const tokens = await tollgate.listTokens();
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.ListTokensResponse', ListTokensResponse.encode({ tokens, nextPageToken: '' })))}\n`);
    return exitCode.done;
  }
  if (tokens.length > 0) await console.out.write(console.safe(await table(columns, tokens.map(row))));
  else console.say('tollgate: no token was made here, or all have expired. `tollgate token create <client> --scope <scope>` makes one.');
  return exitCode.done;
}
