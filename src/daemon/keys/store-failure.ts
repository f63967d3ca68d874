import { Failure } from '../failure.ts';
import { StartError } from '../start-error.ts';

export const locked = (message: string, cause?: unknown): Failure => new Failure('KEYS_LOCKED', message, { cause });

export const unavailable = (message: string, cause?: unknown): Failure => new Failure('KEY_STORE_UNAVAILABLE', message, { cause });

/** What went wrong with a file of the store: the failure of a call, where opening it was not part of a start. */
export function storeFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof StartError) return unavailable(error.message.replace(/ and start again\.$/, '.'), error);
  return unavailable('the key store failed unexpectedly; see the log of the daemon', error);
}
