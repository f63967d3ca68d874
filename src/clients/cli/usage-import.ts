import { ImportUsageResponse } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { fileProblem } from './file-problem.ts';
import { interruptible } from './interrupt.ts';
import { openInput, readGenerations } from './read-generations.ts';

export function usageImport(file: string, options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  return interruptible(async (signal) => {
    const input = await openInput(file, host.stdin);
    try {
      using tollgate = await connect({ environment: host.environment });
      const done = await console.spin('importing');
      const taken = await tollgate.usage.import(readGenerations(input, file === '-' ? 'standard input' : file), { signal }).finally(done);
      const { importedCount, duplicateCount } = taken;
      if (options.json === true) await console.out.write(`${await canonicalJson('tollgate.v1.ImportUsageResponse', ImportUsageResponse.encode(taken))}\n`);
      else await console.out.write(`${importedCount} imported, ${duplicateCount} were there already.\n`);
      return exitCode.done;
    } catch (error) {
      if (signal.aborted) return exitCode.interrupted;
      // What fails while it is read does not name the file.
      const problem = fileProblem(error, file);
      throw problem === undefined ? error : new CliError(exitCode.refused, problem);
    } finally {
      input.destroy();
    }
  });
}
