import type { GenerateInput, Tollgate } from '../typescript/tollgate.ts';
import type { Generation } from '../typescript/generation.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import type { CallOptions } from '../typescript/call.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { isStored } from './describe-key.ts';
import { keySetHere } from './explain-error.ts';

const echo = 'echo/hello';

export interface Asking {
  readonly tollgate: Tollgate;
  readonly host: CliHost;
  readonly console: Console;
}

export interface Asked {
  /** The model that was asked in the end. Empty is the daemon's default. */
  readonly model: string;
  readonly generation: Generation;
}

/** Whether keys are stored, or may be: a person who has some does not want to hear echo. */
async function mayHaveKeys({ metadata }: TollgateError, tollgate: Tollgate, options: CallOptions): Promise<boolean> {
  if ((metadata['blocked_by'] ?? '') !== '') return true;
  try {
    const { providers, keyStore } = await tollgate.keys.list(options);
    return keyStore?.locked === true || providers.some(({ keys }) => keys.some(isStored));
  } catch (error) {
    // A token for generating alone may not look.
    if (error instanceof TollgateError && error.reason === 'SCOPE_MISSING') return false;
    throw error;
  }
}

/**
 * Asks and lets `read` consume the answer. When nobody said which model, no provider is ready and no key is stored, echo answers, so that
 * the first try on a new machine shows something; it says so.
 */
export async function ask(
  { tollgate, host, console }: Asking, request: GenerateInput, options: CallOptions, read: (generation: Generation) => Promise<void>,
): Promise<Asked> {
  const model = request.model ?? '';
  const generation = tollgate.generate(request, options);
  let next = "Set a provider's key, e.g. `tollgate keys set openai`, or start Ollama.";
  try {
    await read(generation);
    return { model, generation };
  } catch (error) {
    const nobody = error instanceof TollgateError && error.reason === 'NO_PROVIDER_READY';
    if (!nobody || model !== '' || await mayHaveKeys(error, tollgate, options)) throw error;
    next = keySetHere(error, host.environment) ?? next;
  }
  console.say(`tollgate: no provider is ready, so ${echo} answers. ${next}`, 'yellow');
  const fallback = tollgate.generate({ ...request, model: echo }, options);
  await read(fallback);
  return { model: echo, generation: fallback };
}
