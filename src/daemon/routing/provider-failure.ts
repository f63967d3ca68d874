import { ErrorClass, ProviderError } from '../../plugins/provider.ts';
import { Failure, type Reason } from '../failure.ts';
import type { Candidate } from './resolve-model.ts';

/** What follows from each class of provider error (api.md). */
const REASON_BY_CLASS: Readonly<Record<ErrorClass, Reason>> = {
  [ErrorClass.UNSPECIFIED]: 'PROVIDER_UNAVAILABLE',
  [ErrorClass.AUTH]: 'KEY_REJECTED',
  [ErrorClass.PERMISSION]: 'PROVIDER_PERMISSION_DENIED',
  [ErrorClass.BILLING]: 'PROVIDER_QUOTA_EXHAUSTED',
  [ErrorClass.QUOTA]: 'PROVIDER_QUOTA_EXHAUSTED',
  [ErrorClass.RATE_LIMIT]: 'RATE_LIMITED',
  [ErrorClass.OVERLOADED]: 'PROVIDER_OVERLOADED',
  [ErrorClass.NOT_FOUND]: 'MODEL_NOT_FOUND',
  [ErrorClass.INVALID_REQUEST]: 'REQUEST_REJECTED',
  [ErrorClass.CONTEXT_LENGTH]: 'CONTEXT_TOO_LONG',
  [ErrorClass.TOO_LARGE]: 'REQUEST_TOO_LARGE',
  [ErrorClass.CONTENT_FILTER]: 'CONTENT_FILTERED',
  [ErrorClass.SERVER]: 'PROVIDER_UNAVAILABLE',
  [ErrorClass.NETWORK]: 'PROVIDER_UNAVAILABLE',
  [ErrorClass.TRUNCATED]: 'RESPONSE_TRUNCATED',
  [ErrorClass.INVALID_RESPONSE]: 'RESPONSE_INVALID',
  [ErrorClass.UNSUPPORTED]: 'REQUEST_INVALID',
};

/** Reasons for which the same request may succeed later. */
const RETRYABLE: ReadonlySet<Reason> = new Set([
  'RATE_LIMITED',
  'PROVIDER_OVERLOADED',
  'PROVIDER_UNAVAILABLE',
  'RESPONSE_TRUNCATED',
  'RESPONSE_INVALID',
  'CONNECT_TIMEOUT',
  'FIRST_TOKEN_TIMEOUT',
  'IDLE_TIMEOUT',
  'ATTEMPT_TIMEOUT',
]);

export const isRetryable = (failure: Failure): boolean => RETRYABLE.has(failure.reason);

/** A provider's error in the daemon's words: who, what, and whether trying again can help. */
export function providerFailure(error: ProviderError, { instance, model }: Candidate): Failure {
  const reason = REASON_BY_CLASS[error.errorClass];
  const metadata: Record<string, string> = { provider: instance.name, model, retryable: String(RETRYABLE.has(reason)) };
  if (error.httpStatus !== undefined) metadata['http_status'] = String(error.httpStatus);
  if (error.type !== undefined) metadata['provider_type'] = error.type;
  if (error.code !== undefined) metadata['provider_code'] = error.code;
  const violations = error.errorClass === ErrorClass.UNSUPPORTED ? [{ field: error.code ?? '', description: error.message }] : [];
  return new Failure(reason, `${instance.name}: ${error.message}`, { metadata, violations, retryAfterMs: error.retryAfterMs, cause: error });
}

/** Whether nobody listens at the address of a provider on this machine. */
const isAbsent = ({ errorClass, code }: ProviderError, { instance }: Candidate): boolean => instance.isLocal && errorClass === ErrorClass.NETWORK && code === 'ECONNREFUSED';

/** Whether the plugin cannot honour a field of the request, and sent nothing. */
export const isUnsupported = ({ cause }: Failure): boolean => cause instanceof ProviderError && cause.errorClass === ErrorClass.UNSUPPORTED && cause.httpStatus === undefined;

/** Whether the provider was not called, which came to light only when it was to be: it is passed over like one that the plan passes over. */
export const wasNotCalled = (failure: Failure, candidate: Candidate): boolean => isUnsupported(failure) || (failure.cause instanceof ProviderError && isAbsent(failure.cause, candidate));
