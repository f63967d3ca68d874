import { CreateTokenResponse } from '../../gen/tollgate/v1/access_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { toDuration } from '../../duration.ts';

export interface CreateTokenOptions {
  readonly scope: readonly string[];
  readonly tier?: string;
  /** In milliseconds. */
  readonly ttl?: number;
  readonly model?: readonly string[];
  readonly provider?: readonly string[];
  readonly json?: boolean;
}

export async function createToken(client: string, options: CreateTokenOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const created = await tollgate.createToken({
    client,
    scopes: [...options.scope],
    tier: options.tier ?? '',
    models: [...(options.model ?? [])],
    providers: [...(options.provider ?? [])],
    ...(options.ttl === undefined ? {} : { ttl: toDuration(options.ttl) }),
  });
  if (options.json === true) {
    await console.out.write(`${await canonicalJson('tollgate.v1.CreateTokenResponse', CreateTokenResponse.encode(created))}\n`);
    return exitCode.done;
  }
  const until = created.expiresAt === undefined ? '' : ` until ${created.expiresAt.toISOString()}`;
  console.say(`Token ${created.id} for ${client}, ${options.scope.join(' ')}${until}. It is shown this once:`);
  await console.out.write(`${created.token}\n`);
  return exitCode.done;
}
