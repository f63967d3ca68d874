import { FinishReason } from '../../gen/tollgate/v1/content.ts';
import { type Generation, WatchUsageResponse } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { costText } from './cost-text.ts';
import { enumName } from './enum-name.ts';
import { formatDuration } from './format-duration.ts';
import { formatClock } from './format-time.ts';
import { interruptible } from './interrupt.ts';
import { choiceOf, type ChoiceOptions } from './usage-choice.ts';
import { inAndOut } from './usage-row.ts';

export interface UsageWatchOptions extends ChoiceOptions {
  readonly json?: boolean;
}

/** How a generation ended, where that is worth a word. */
function ending({ statusReason, finishReason }: Generation): string {
  if (statusReason !== '') return statusReason;
  return finishReason === FinishReason.STOP || finishReason === FinishReason.UNSPECIFIED ? '' : enumName(FinishReason, finishReason);
}

/** A settled generation on one line: only what is known. */
export function generationLine(generation: Generation): string {
  const { settleTime, client, provider, responseModel, model, usage, cost, duration, generationId } = generation;
  const pieces = [
    client,
    [provider, responseModel || model].filter((piece) => piece !== '').join('/'),
    inAndOut(usage ?? {}),
    costText(cost),
    duration === undefined ? '' : formatDuration(duration),
    ending(generation),
    generationId,
  ];
  return `${settleTime === undefined ? '' : `${formatClock(settleTime)} `}${pieces.filter((piece) => piece !== '').join(' · ')}`;
}

export function usageWatch(options: UsageWatchOptions, host: CliHost, console: Console): Promise<number> {
  return interruptible(async (interrupted) => {
    const signal = AbortSignal.any([interrupted, console.out.closed]);
    try {
      using tollgate = await connect({ environment: host.environment });
      const onReady = (): void => console.say('Watching. Ctrl-C leaves.', 'dim');
      for await (const generation of tollgate.usage.watch(choiceOf(options), { signal, onReady })) {
        const line = options.json === true ? await canonicalJson('tollgate.v1.WatchUsageResponse', WatchUsageResponse.encode({ generation })) : generationLine(generation);
        await console.out.write(`${console.safe(line)}\n`);
      }
    } catch (error) {
      if (interrupted.aborted) return exitCode.interrupted;
      if (!console.out.closed.aborted) throw error;
    }
    return exitCode.done;
  });
}
