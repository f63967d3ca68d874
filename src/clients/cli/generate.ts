import { system, user } from '../typescript/messages.ts';
import type { GenerateInput } from '../typescript/tollgate.ts';
import { ask } from './ask.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { interruptible } from './interrupt.ts';
import { openOrStart } from './open-client.ts';
import { readPicture } from './read-picture.ts';
import { readPrompt } from './read-prompt.ts';
import { writeAnswer } from './write-answer.ts';
import { writeEvents } from './write-events.ts';

export interface GenerateOptions {
  readonly model?: string;
  readonly system?: string;
  readonly json?: boolean;
  readonly image?: readonly string[];
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly effort?: string;
  readonly idempotencyKey?: string;
  /** In milliseconds. */
  readonly timeout?: number;
  readonly showReasoning?: boolean;
  readonly quiet?: boolean;
}

async function toRequest(words: readonly string[], options: GenerateOptions, host: CliHost, console: Console, signal: AbortSignal): Promise<GenerateInput> {
  const pictures = await Promise.all((options.image ?? []).map(readPicture));
  const prompt = await readPrompt(words, host, console, signal);
  return {
    model: options.model ?? '',
    messages: [...(options.system === undefined ? [] : [system(options.system)]), user(prompt, ...pictures)],
    ...(options.maxOutputTokens === undefined ? {} : { maxOutputTokens: options.maxOutputTokens }),
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
    ...(options.effort === undefined ? {} : { reasoning: { effort: options.effort } }),
  };
}

async function run(words: readonly string[], options: GenerateOptions, host: CliHost, console: Console, signal: AbortSignal): Promise<void> {
  const request = await toRequest(words, options, host, console, signal);
  signal.throwIfAborted();
  using tollgate = await openOrStart(host, console, signal);
  const write = { showReasoning: options.showReasoning === true, quiet: options.quiet === true };
  await ask({ tollgate, host, console }, request, { signal, timeoutMs: options.timeout }, (generation) => (
    options.json === true ? writeEvents(generation, console) : writeAnswer(generation, console, write)
  ));
}

export function generate(words: readonly string[], options: GenerateOptions, host: CliHost, console: Console): Promise<number> {
  return interruptible(async (interrupted) => {
    const signal = AbortSignal.any([interrupted, console.out.closed]);
    try {
      await run(words, options, host, console, signal);
    } catch (error) {
      if (interrupted.aborted) return exitCode.interrupted;
      if (!console.out.closed.aborted) throw error;
    }
    return exitCode.done;
  });
}
