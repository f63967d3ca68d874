import type { GenerationEvent } from '../typescript/answer.ts';
import type { Generation } from '../typescript/generation.ts';
import type { Console } from './console.ts';
import { usageLine } from './usage-line.ts';

export interface WriteOptions {
  readonly showReasoning: boolean;
  /** No usage line and no wheel. */
  readonly quiet: boolean;
}

interface Writer {
  write(event: GenerationEvent): Promise<void>;
  /** Ends the line that was begun. */
  end(): Promise<void>;
}

function createWriter(console: Console, options: WriteOptions): Writer {
  let answered = '';
  let thought = '';
  let model = '';

  async function endThought(): Promise<void> {
    if (thought !== '') await console.err.write(thought.endsWith('\n') ? '\n' : '\n\n');
    thought = '';
  }

  async function write(event: GenerationEvent): Promise<void> {
    switch (event.$case) {
      case 'attemptStarted': {
        const { provider, ignoredFields } = event.value;
        model = `${provider}/${event.value.model}`;
        if (ignoredFields.length > 0) console.say(`tollgate: ${provider} ignores ${ignoredFields.join(', ')}.`);
        break;
      }
      case 'attemptFailed': {
        const { provider, reason, message } = event.value;
        console.say(`tollgate: ${provider}/${event.value.model} failed, trying the next: ${message} (${reason})`);
        break;
      }
      case 'reasoningDelta':
        if (!options.showReasoning || event.value.text === '') break;
        thought = event.value.text;
        await console.err.write(console.styled(thought, 'dim'));
        break;
      case 'textDelta':
        if (event.value.text === '') break;
        await endThought();
        answered = event.value.text;
        await console.out.write(console.safe(answered));
        break;
      case 'toolCallDelta':
        break;
      case 'finish':
        await end();
        if (!options.quiet) console.say(usageLine(model, event.value), 'dim');
        break;
    }
  }

  async function end(): Promise<void> {
    await endThought();
    if (answered !== '' && !answered.endsWith('\n')) await console.out.write('\n');
    answered = '';
  }

  return { write, end };
}

/** Whether an event gives a person something to look at, so that the wheel has to go. */
function isVisible(event: GenerationEvent, options: WriteOptions): boolean {
  if (event.$case === 'attemptStarted') return event.value.ignoredFields.length > 0;
  return event.$case !== 'reasoningDelta' || options.showReasoning;
}

/** Streams an answer: its text to standard output, everything else to standard error. */
export async function writeAnswer(generation: Generation, console: Console, options: WriteOptions): Promise<void> {
  const writer = createWriter(console, options);
  let stopSpinner = options.quiet ? (): void => undefined : await console.spin('waiting for the first token');
  try {
    for await (const event of generation) {
      if (isVisible(event, options)) {
        stopSpinner();
        stopSpinner = () => undefined;
      }
      await writer.write(event);
      if (console.out.closed.aborted) return;
    }
  } finally {
    stopSpinner();
    await writer.end();
  }
}
