import { connect } from '../typescript/connect.ts';
import type { CliHost } from './cli-host.ts';
import { exitCode } from './cli-error.ts';
import type { Console } from './console.ts';
import { interruptible } from './interrupt.ts';
import { writeAnswer } from './write-answer.ts';
import { writeEvents } from './write-events.ts';

export interface ResumeOptions {
  readonly afterSeq?: number;
  readonly showReasoning?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function resume(generationId: string, options: ResumeOptions, host: CliHost, console: Console): Promise<number> {
  return interruptible(async (interrupted) => {
    const signal = AbortSignal.any([interrupted, console.out.closed]);
    try {
      using tollgate = await connect({ environment: host.environment });
      const generation = tollgate.resume(generationId, { signal, afterSeq: options.afterSeq === undefined ? undefined : BigInt(options.afterSeq) });
      if (options.json === true) await writeEvents(generation, console);
      else await writeAnswer(generation, console, { showReasoning: options.showReasoning === true, quiet: options.quiet === true });
    } catch (error) {
      if (interrupted.aborted) return exitCode.interrupted;
      if (!console.out.closed.aborted) throw error;
    }
    return exitCode.done;
  });
}
