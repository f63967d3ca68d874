import { Metadata, status } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import { GenerationFailure } from '../../gen/tollgate/v1/generate_service.ts';
import { UpgradePrompt } from '../../gen/tollgate/v1/usage_service.ts';
import { type StatusName, TollgateError } from './tollgate-error.ts';

/** The largest message that this library takes from a daemon, in bytes. */
export const maxResponseBytes = 4 * 1024 * 1024;

/** What is known of a call that failed. */
export interface CallFacts {
  /** The deadline that the caller gave, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** Whether a part of the answer had come. */
  readonly begun?: boolean;
}

interface Details {
  info?: ErrorInfo;
  retry?: RetryInfo;
  badRequest?: BadRequest;
  failure?: GenerationFailure;
  upgrade?: UpgradePrompt;
}

interface CallStatus {
  code: number;
  details: string;
  metadata: Metadata;
}

/** Reasons for statuses that carry none: they come from the transport, not from the daemon. */
const transportReasons: Partial<Record<StatusName, string>> = {
  CANCELLED: 'CANCELLED',
  DEADLINE_EXCEEDED: 'DEADLINE',
  UNAVAILABLE: 'DAEMON_UNREACHABLE',
  UNIMPLEMENTED: 'NOT_SUPPORTED',
};

const statusNames = new Map<number, StatusName>([
  [status.OK, 'OK'],
  [status.CANCELLED, 'CANCELLED'],
  [status.UNKNOWN, 'UNKNOWN'],
  [status.INVALID_ARGUMENT, 'INVALID_ARGUMENT'],
  [status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
  [status.NOT_FOUND, 'NOT_FOUND'],
  [status.ALREADY_EXISTS, 'ALREADY_EXISTS'],
  [status.PERMISSION_DENIED, 'PERMISSION_DENIED'],
  [status.RESOURCE_EXHAUSTED, 'RESOURCE_EXHAUSTED'],
  [status.FAILED_PRECONDITION, 'FAILED_PRECONDITION'],
  [status.ABORTED, 'ABORTED'],
  [status.OUT_OF_RANGE, 'OUT_OF_RANGE'],
  [status.UNIMPLEMENTED, 'UNIMPLEMENTED'],
  [status.INTERNAL, 'INTERNAL'],
  [status.UNAVAILABLE, 'UNAVAILABLE'],
  [status.DATA_LOSS, 'DATA_LOSS'],
  [status.UNAUTHENTICATED, 'UNAUTHENTICATED'],
]);

function isCallStatus(error: unknown): error is CallStatus {
  return (
    typeof error === 'object' && error !== null &&
    'code' in error && typeof error.code === 'number' &&
    'details' in error && typeof error.details === 'string' &&
    'metadata' in error && error.metadata instanceof Metadata
  );
}

function readDetails(metadata: Metadata): Details {
  const [bytes] = metadata.get('grpc-status-details-bin');
  const details: Details = {};
  if (!(bytes instanceof Buffer)) return details;
  try {
    for (const { typeUrl, value } of Status.decode(bytes).details) {
      const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
      if (type === 'google.rpc.ErrorInfo') details.info = ErrorInfo.decode(value);
      else if (type === 'google.rpc.RetryInfo') details.retry = RetryInfo.decode(value);
      else if (type === 'google.rpc.BadRequest') details.badRequest = BadRequest.decode(value);
      else if (type === 'tollgate.v1.GenerationFailure') details.failure = GenerationFailure.decode(value);
      else if (type === 'tollgate.v1.UpgradePrompt') details.upgrade = UpgradePrompt.decode(value);
    }
  } catch {
    // Details that cannot be read leave the status itself, which says the same in fewer words.
  }
  return details;
}

function milliseconds(retry: RetryInfo | undefined): number | undefined {
  const delay = retry?.retryDelay;
  return delay === undefined ? undefined : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

function isRetryable(code: StatusName, info: ErrorInfo | undefined, retry: RetryInfo | undefined): boolean {
  const said = info?.metadata['retryable'];
  if (said !== undefined) return said === 'true';
  return code === 'UNAVAILABLE' || retry !== undefined;
}

/** What the transport's own statuses mean to who called. Undefined where nothing more is known than they say. */
function transportMessage(code: StatusName, details: string, { timeoutMs, begun = false }: CallFacts): string | undefined {
  if (code === 'DEADLINE_EXCEEDED' && timeoutMs !== undefined) {
    return begun ? `The answer was not whole within ${timeoutMs} ms.` : `No answer within ${timeoutMs} ms.`;
  }
  if (code === 'UNAVAILABLE') {
    return begun ? 'The daemon went away in the middle of the answer, which is not whole.' : `The connection to the daemon broke: ${details || 'nobody says why'}.`;
  }
  const [, size, limit] = (code === 'RESOURCE_EXHAUSTED' && /^Received message larger than max \((\d+) vs\.? (\d+)\)/.exec(details)) || [];
  if (limit === undefined) return undefined;
  return Number(limit) === maxResponseBytes
    ? `The daemon's answer has ${size} bytes; this library takes ${limit} at a time.`
    : `The request has ${size} bytes, which is larger than limits.max_request_bytes (${limit} bytes).`;
}

/** Turns what grpc-js rejects with into a TollgateError. */
export function readStatus(error: unknown, call: CallFacts = {}): TollgateError {
  if (error instanceof TollgateError) return error;
  if (!isCallStatus(error)) {
    return new TollgateError({
      reason: 'INTERNAL', code: 'INTERNAL', cause: error,
      message: error instanceof Error ? error.message : String(error),
    });
  }
  const code = statusNames.get(error.code) ?? 'UNKNOWN';
  const { info, retry, badRequest, failure, upgrade } = readDetails(error.metadata);
  return new TollgateError({
    reason: info?.reason || transportReasons[code] || code,
    code,
    message: (info === undefined ? transportMessage(code, error.details, call) : undefined) || error.details || `The call ended with ${code}.`,
    metadata: info?.metadata ?? {},
    retryable: isRetryable(code, info, retry),
    retryAfterMs: milliseconds(retry),
    failure,
    upgrade,
    violations: (badRequest?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    cause: error,
  });
}
