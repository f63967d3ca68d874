import { Cost_Provenance, type Cost } from '../../gen/tollgate/v1/content.ts';
import { type PlannedAttempt, PlanRouteResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { system, user } from '../typescript/messages.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { formatMoney } from './money.ts';
import { openOrStart } from './open-client.ts';
import { paintFor, widthOf } from './paint.ts';
import { USUAL_WIDTH, windowLines } from './quota-windows.ts';
import { table } from './table.ts';

export interface PlanOptions {
  readonly model?: string;
  readonly system?: string;
  readonly maxOutputTokens?: number;
  readonly json?: boolean;
}

const columns = [{ head: '#', align: 'right' }, { head: 'MODEL' }, { head: 'KEY' }, { head: 'BECAUSE' }, { head: 'AT MOST', align: 'right' }, { head: 'PASSED OVER' }] as const;

function atMost(cost: Cost | undefined): string {
  if (cost?.provenance === Cost_Provenance.FREE) return 'free';
  return cost?.highPicoUsd === undefined ? 'unknown' : formatMoney(cost.highPicoUsd);
}

function rows(attempts: readonly PlannedAttempt[]): string[][] {
  let made = 0;
  return attempts.map(({ provider, model, keyLabel, because, cost, reason, message }) => [
    reason === '' ? String(++made) : '-',
    [provider, model].filter((piece) => piece !== '').join('/'),
    keyLabel,
    because,
    atMost(cost),
    reason === '' ? '' : `${message} (${reason})`,
  ]);
}

/** Without words the route is planned for no prompt: what is asked matters only to the cost. */
export async function plan(words: readonly string[], options: PlanOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await openOrStart(host, console);
  const response = await tollgate.planRoute({
    model: options.model ?? '',
    messages: [...(options.system === undefined ? [] : [system(options.system)]), ...(words.length === 0 ? [] : [user(words.join(' '))])],
    maxOutputTokens: options.maxOutputTokens,
  });
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.PlanRouteResponse', PlanRouteResponse.encode(response)))}\n`);
    return exitCode.done;
  }
  const { attempts, windowsAfter } = response;
  if (attempts.length > 0) await console.out.write(console.safe(await table(columns, rows(attempts))));
  if (attempts.every(({ reason }) => reason !== '')) console.say('Nobody would be asked.', 'yellow');
  else if (windowsAfter.length > 0) await console.out.write(console.safe(`\nWhile it runs, of your limits:\n${windowLines(windowsAfter, widthOf(host, console) ?? USUAL_WIDTH, paintFor(host, console)).join('')}`));
  return exitCode.done;
}
