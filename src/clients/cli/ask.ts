import type { GenerateInput, Tollgate } from '../typescript/tollgate.ts';
import type { Generation } from '../typescript/generation.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import type { CallOptions } from '../typescript/call.ts';
import type { Console } from './console.ts';

const echo = 'echo/hello';

export interface Asked {
  /** The model that was asked in the end. Empty is the daemon's default. */
  readonly model: string;
  readonly generation: Generation;
}

/**
 * Asks and lets `read` consume the answer. When nobody said which model and no provider is ready, echo answers, so that the first
 * try on a new machine shows something; it says so.
 */
export async function ask(
  tollgate: Tollgate, request: GenerateInput, options: CallOptions, console: Console, read: (generation: Generation) => Promise<void>,
): Promise<Asked> {
  const model = request.model ?? '';
  const generation = tollgate.generate(request, options);
  try {
    await read(generation);
    return { model, generation };
  } catch (error) {
    const nobody = error instanceof TollgateError && error.reason === 'NO_PROVIDER_READY';
    if (!nobody || model !== '') throw error;
  }
  console.say(
    `tollgate: no provider is ready, so ${echo} answers. `
    + "Set a provider's key, e.g. OPENAI_API_KEY, then run `tollgate restart`; or start Ollama.", 'yellow',
  );
  const fallback = tollgate.generate({ ...request, model: echo }, options);
  await read(fallback);
  return { model: echo, generation: fallback };
}
