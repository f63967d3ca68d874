import { ProviderError, type TokenUsage } from '../provider.ts';

/** The same error with what the provider had reported until then. What an error already says of usage stays. */
export function withUsage(error: unknown, usage: TokenUsage | undefined): unknown {
  if (!(error instanceof ProviderError) || error.usage !== undefined || usage === undefined) return error;
  const { errorClass, message, httpStatus, type, code, retryAfterMs, cause } = error;
  return new ProviderError(errorClass, message, { httpStatus, type, code, retryAfterMs, usage, cause });
}
