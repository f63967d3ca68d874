import { QueryUsageResponse, type UsageRow } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { hereZone } from './here-zone.ts';
import { widthOf } from './paint.ts';
import { choiceOf, type ChoiceOptions } from './usage-choice.ts';
import { byCost, totalOf, unknownNote } from './usage-row.ts';
import { usageTable } from './usage-table.ts';

export interface UsageByOptions extends ChoiceOptions {
  readonly timeZone?: string;
  readonly json?: boolean;
}

/** Times in their order; everything else the dearest first. */
function inOrder(rows: readonly UsageRow[], groups: readonly string[]): readonly UsageRow[] {
  return groups.includes('day') || groups.includes('hour') ? rows : rows.toSorted(byCost);
}

export async function usageBy(groups: readonly string[], options: UsageByOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const { startTime, endTime, ...filter } = choiceOf(options);
  const response = await tollgate.usage.query({ startTime, endTime, filter, groupBy: [...groups], timeZone: options.timeZone ?? hereZone() });
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.QueryUsageResponse', QueryUsageResponse.encode(response)))}\n`);
    return exitCode.done;
  }
  const { rows, truncated } = response;
  if (rows.length === 0) {
    console.say(`tollgate: nothing was used ${options.since === undefined ? 'in the last 30 days' : 'in that time'}.`);
    return exitCode.done;
  }
  const namesOf = ({ key }: UsageRow): readonly string[] => groups.map((group) => key[group] || '(none)');
  const total = rows.length > 1 && !truncated ? totalOf(rows) : undefined;
  await console.out.write(console.safe(await usageTable(groups.map((group) => group.toUpperCase()), inOrder(rows, groups), namesOf, widthOf(host, console), total)));
  if (truncated) console.say('tollgate: there is more than can be shown at once. Choose a shorter time, or one client.', 'yellow');
  const { unknownCostCount, requestCount } = totalOf(rows);
  if (unknownCostCount > 0n) console.say(unknownNote(unknownCostCount, requestCount), 'yellow');
  return exitCode.done;
}
