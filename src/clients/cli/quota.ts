import { GetQuotaResponse, type QuotaWindow } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { formatUntil } from './format-time.ts';
import { paintFor, type Paint, widthOf } from './paint.ts';
import { quotaAmount } from './quota-amount.ts';
import { bar } from './sparkline.ts';
import { upgradeLines } from './upgrade-text.ts';

const MAX_BAR = 20;
const MIN_BAR = 6;
const USUAL_WIDTH = 80;

/** What stands behind the bar. */
function amounts({ unit, limit, used, reserved, resetsAt }: QuotaWindow): string {
  const held = reserved > 0n ? `, ${quotaAmount(reserved, unit)} held` : '';
  const resets = resetsAt === undefined ? '' : `  anew ${formatUntil(resetsAt)}`;
  return `${quotaAmount(used, unit)} of ${quotaAmount(limit, unit)}${held}${resets}`;
}

function windowLines(windows: readonly QuotaWindow[], width: number, paint: Paint): string[] {
  const nameWidth = Math.max(...windows.map(({ name }) => name.length)) + 2;
  const rest = nameWidth + 2 + Math.max(...windows.map((window) => amounts(window).length));
  const barWidth = Math.max(MIN_BAR, Math.min(MAX_BAR, width - rest));
  return windows.map((window) => {
    const { name, limit, used, reserved } = window;
    const taken = used + reserved;
    return `${name.padEnd(nameWidth)}${paint(taken >= limit ? 'red' : 'green', bar(taken, limit, barWidth))}  ${amounts(window)}\n`;
  });
}

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
