import { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { interruptible } from './interrupt.ts';
import { choiceOf, type ChoiceOptions } from './usage-choice.ts';

export interface UsageExportOptions extends ChoiceOptions {
  readonly format?: 'ndjson' | 'csv';
}

async function writeAll(options: UsageExportOptions, host: CliHost, console: Console, signal: AbortSignal): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const { csvHead, csvRow } = await import('./generation-csv.ts');
  const isCsv = options.format === 'csv';
  let count = 0;
  if (isCsv) await console.out.write(csvHead());
  for await (const generation of tollgate.usage.export(choiceOf(options), { signal })) {
    const line = isCsv ? csvRow(generation) : `${await canonicalJson('tollgate.v1.Generation', Generation.encode(generation))}\n`;
    await console.out.write(console.safe(line));
    count++;
  }
  return count;
}

export function usageExport(options: UsageExportOptions, host: CliHost, console: Console): Promise<number> {
  return interruptible(async (interrupted) => {
    try {
      const count = await writeAll(options, host, console, AbortSignal.any([interrupted, console.out.closed]));
      console.say(`${count} generation${count === 1 ? '' : 's'} exported.`, 'dim');
    } catch (error) {
      if (interrupted.aborted) return exitCode.interrupted;
      if (!console.out.closed.aborted) throw error;
    }
    return exitCode.done;
  });
}
