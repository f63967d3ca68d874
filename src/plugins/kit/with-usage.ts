import { ErrorClass, ProviderError, type TokenUsage } from '../provider.ts';

/**
 * The same error with what the provider had reported until then. What an error already says of usage stays. Where `signal` gave the answer up,
 * whoever did that knows why, and only the usage is told.
 */
export function withUsage(error: unknown, usage: TokenUsage | undefined, signal?: AbortSignal): unknown {
  if (usage === undefined) return error;
  if (!(error instanceof ProviderError)) return signal?.aborted === true ? new ProviderError(ErrorClass.TRUNCATED, 'the answer was given up before its end', { usage, cause: error }) : error;
  if (error.usage !== undefined) return error;
  const { errorClass, message, httpStatus, type, code, retryAfterMs, cause } = error;
  return new ProviderError(errorClass, message, { httpStatus, type, code, retryAfterMs, usage, cause });
}
