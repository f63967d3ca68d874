import { GetSummaryResponse, type UsageRow } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { hereZone } from './here-zone.ts';
import { formatMoney } from './money.ts';
import { paintFor, widthOf, type Paint } from './paint.ts';
import { sparkline } from './sparkline.ts';
import { usageCards } from './usage-cards.ts';
import { byCost, unknownNote } from './usage-row.ts';
import { usageTable } from './usage-table.ts';

export interface UsageOptions {
  readonly timeZone?: string;
  readonly json?: boolean;
}

/** More groups than these are what `usage by` is for. */
const MAX_ROWS = 10;

/** A bar a day, by cost; by requests while nothing has a cost. */
function daysLine(days: readonly UsageRow[], paint: Paint): string {
  const costs = days.map(({ cost }) => cost?.expectedPicoUsd ?? 0n);
  const most = costs.reduce((high, cost) => (cost > high ? cost : high), 0n);
  const requests = days.map(({ requestCount }) => requestCount);
  const dearest = days[costs.indexOf(most)]?.key['day'] ?? '';
  const [first, last] = [days[0], days.at(-1)].map((row) => row?.key['day'] ?? '');
  const what = most > 0n ? `cost a day, most ${formatMoney(most)} on ${dearest}` : 'requests a day';
  return `${paint('cyan', sparkline(most > 0n ? costs : requests))}  ${paint('dim', `${first} to ${last}: ${what}`)}\n`;
}

/** A model is named with its provider where that is known. */
const modelName = ({ key }: UsageRow): readonly string[] => [[key['provider'], key['model']].filter((piece) => piece !== undefined && piece !== '').join('/') || '(none)'];
const providerName = ({ key }: UsageRow): readonly string[] => [key['provider'] || '(none)'];

async function ranking(head: string, rows: readonly UsageRow[], nameOf: (row: UsageRow) => readonly string[], command: string, width: number | undefined): Promise<string> {
  if (rows.length === 0) return '';
  const shown = rows.toSorted(byCost).slice(0, MAX_ROWS);
  const more = rows.length > shown.length ? `and ${rows.length - shown.length} more: ${command}\n` : '';
  return `\n${await usageTable([head], shown, nameOf, width)}${more}`;
}

async function asText(summary: GetSummaryResponse, host: CliHost, console: Console): Promise<string> {
  const paint = paintFor(host, console);
  const { today, month, projectedMonth, days } = summary;
  const width = widthOf(host, console);
  const pieces = [usageCards(today, month, projectedMonth, paint)];
  if (days.some(({ requestCount }) => requestCount > 0n)) pieces.push('\n', daysLine(days, paint));
  const tables = [
    await ranking('PROVIDER', month?.byProvider ?? [], providerName, `${host.command} usage by provider`, width),
    await ranking('MODEL', month?.byModel ?? [], modelName, `${host.command} usage by model`, width),
  ];
  pieces.push(...tables.map((lines) => console.safe(lines)));
  return pieces.join('');
}

/** Says how much of the month has no price, so that a sum is not taken for the whole. */
function sayUnknown({ month }: GetSummaryResponse, console: Console): void {
  const unknown = (month?.byProvider ?? []).reduce((sum, row) => sum + row.unknownCostCount, 0n);
  if (unknown === 0n) return;
  console.say(unknownNote(unknown, month?.requestCount ?? 0n), 'yellow');
}

export async function usage(options: UsageOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const summary = await tollgate.usage.summary(options.timeZone ?? hereZone());
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.GetSummaryResponse', GetSummaryResponse.encode(summary)))}\n`);
    return exitCode.done;
  }
  await console.out.write(await asText(summary, host, console));
  sayUnknown(summary, console);
  return exitCode.done;
}
