import { GetQuotaResponse } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { paintFor, type Paint, widthOf } from './paint.ts';
import { USUAL_WIDTH, windowLines } from './quota-windows.ts';
import { upgradeLines } from './upgrade-text.ts';

function asText({ tier, windows, upgrade }: GetQuotaResponse, client: string, width: number, paint: Paint): string {
  const who = client === '' ? `tier ${tier}` : `${client}, tier ${tier}`;
  if (windows.length === 0) return `${who}: no limits\n`;
  const prompt = upgrade === undefined ? [] : ['\n', ...upgradeLines(upgrade).map((line) => `${line}\n`)];
  return [`${who}\n\n`, ...windowLines(windows, width, paint), ...prompt].join('');
}

export async function quota(client: string | undefined, options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const response = await tollgate.usage.quota(client);
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.GetQuotaResponse', GetQuotaResponse.encode(response)))}\n`);
    return exitCode.done;
  }
  await console.out.write(asText(response, client ?? '', widthOf(host, console) ?? USUAL_WIDTH, paintFor(host, console)));
  return exitCode.done;
}
