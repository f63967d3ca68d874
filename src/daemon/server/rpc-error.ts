import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import type { MessageFns } from '../../gen/tollgate/v1/content.ts';
import { BadRequest, ErrorInfo, QuotaFailure, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import { GenerationFailure } from '../../gen/tollgate/v1/generate_service.ts';
import { UpgradePrompt } from '../../gen/tollgate/v1/usage_service.ts';
import { toDuration } from '../../duration.ts';
import { clip } from '../../plugins/kit/clip.ts';
import { Failure, type GenerationRecord, type Reason } from '../failure.ts';
import { maskKeys } from '../mask-keys.ts';

/** The gRPC code of every reason: the only place that knows them. */
export const CODE_BY_REASON: Readonly<Record<Reason, keyof typeof status>> = {
  TOKEN_MISSING: 'UNAUTHENTICATED',
  TOKEN_INVALID: 'UNAUTHENTICATED',
  TOKEN_EXPIRED: 'UNAUTHENTICATED',
  TOKEN_REVOKED: 'UNAUTHENTICATED',
  SCOPE_MISSING: 'PERMISSION_DENIED',
  MODEL_NOT_GRANTED: 'PERMISSION_DENIED',
  PROVIDER_NOT_GRANTED: 'PERMISSION_DENIED',
  TIER_TOO_LOW: 'PERMISSION_DENIED',
  REQUEST_INVALID: 'INVALID_ARGUMENT',
  CONFIG_INVALID: 'INVALID_ARGUMENT',
  MODEL_NOT_FOUND: 'NOT_FOUND',
  PROVIDER_NOT_FOUND: 'NOT_FOUND',
  GENERATION_NOT_FOUND: 'NOT_FOUND',
  KEY_MISSING: 'FAILED_PRECONDITION',
  KEYS_LOCKED: 'FAILED_PRECONDITION',
  SETTING_MISSING: 'FAILED_PRECONDITION',
  NO_PROVIDER_READY: 'FAILED_PRECONDITION',
  NO_CANDIDATE_FITS: 'FAILED_PRECONDITION',
  QUOTA_EXCEEDED: 'RESOURCE_EXHAUSTED',
  BUDGET_EXCEEDED: 'RESOURCE_EXHAUSTED',
  DAEMON_OVERLOADED: 'RESOURCE_EXHAUSTED',
  JOURNAL_UNAVAILABLE: 'UNAVAILABLE',
  PRICE_LIST_UNAVAILABLE: 'UNAVAILABLE',
  SHUTTING_DOWN: 'UNAVAILABLE',
  KEY_STORE_UNAVAILABLE: 'UNAVAILABLE',
  CONNECT_TIMEOUT: 'DEADLINE_EXCEEDED',
  FIRST_TOKEN_TIMEOUT: 'DEADLINE_EXCEEDED',
  IDLE_TIMEOUT: 'DEADLINE_EXCEEDED',
  ATTEMPT_TIMEOUT: 'DEADLINE_EXCEEDED',
  DEADLINE: 'DEADLINE_EXCEEDED',
  CANCELLED: 'CANCELLED',
  NOT_SUPPORTED: 'UNIMPLEMENTED',
  ALL_COOLING_DOWN: 'UNAVAILABLE',
  IDEMPOTENCY_KEY_REUSED: 'ALREADY_EXISTS',
  ALREADY_DONE: 'ALREADY_EXISTS',
  RESUME_EXPIRED: 'OUT_OF_RANGE',
  ALL_ATTEMPTS_FAILED: 'UNAVAILABLE',
  KEY_REJECTED: 'FAILED_PRECONDITION',
  PROVIDER_PERMISSION_DENIED: 'FAILED_PRECONDITION',
  PROVIDER_QUOTA_EXHAUSTED: 'FAILED_PRECONDITION',
  RATE_LIMITED: 'RESOURCE_EXHAUSTED',
  PROVIDER_OVERLOADED: 'UNAVAILABLE',
  PROVIDER_UNAVAILABLE: 'UNAVAILABLE',
  REQUEST_REJECTED: 'INVALID_ARGUMENT',
  CONTEXT_TOO_LONG: 'INVALID_ARGUMENT',
  REQUEST_TOO_LARGE: 'INVALID_ARGUMENT',
  CONTENT_FILTERED: 'INVALID_ARGUMENT',
  RESPONSE_TRUNCATED: 'INTERNAL',
  RESPONSE_INVALID: 'INTERNAL',
  INTERNAL: 'INTERNAL',
};

/** Foreign clients refuse trailers over 8 KiB; ours stay under half of that, encoded. */
const MAX_TRAILER_BYTES = 4096;
const MAX_MESSAGE_BYTES = 512;
/** Where all else was left out already. */
const MAX_SHORT_MESSAGE_BYTES = 128;
const MAX_ATTEMPT_MESSAGE_BYTES = 128;
const MAX_METADATA_BYTES = 256;
/** The status message comes percent-encoded beside the details, with room for the other trailers. */
const encodedBytes = (details: Buffer, message: string): number => Math.ceil(details.length / 3) * 4 + encodeURI(message).length + 128;

const pack = <T>(name: string, type: MessageFns<T>, value: T) => ({ typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(type.encode(value).finish()) });

/** Control characters in a provider's words must not reach a terminal or break a trailer. A key that was pasted in the wrong place is not told again. */
// oxlint-disable-next-line no-control-regex
const printable = (text: string): string => maskKeys(text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').toWellFormed());

function errorInfo(failure: Failure): Parameters<typeof ErrorInfo.encode>[0] {
  const metadata = Object.fromEntries(Object.entries(failure.metadata).map(([name, value]) => [name, clip(printable(value), MAX_METADATA_BYTES)]));
  return { reason: failure.reason, domain: 'tollgate', metadata };
}

function generationFailure(record: GenerationRecord, omitted: number): GenerationFailure {
  const attempts = record.attempts.slice(omitted).map((attempt) => ({ ...attempt, message: clip(printable(attempt.message), MAX_ATTEMPT_MESSAGE_BYTES) }));
  return { generationId: record.generationId, usage: record.usage, cost: record.cost, attempts, attemptsOmitted: omitted, partial: record.partial };
}

/** Limits that are named, and cheaper models; none of them where room is short. */
const MAX_QUOTA_VIOLATIONS = 4;
const MAX_CHEAPER_MODELS = 5;

function quotaDetails({ quota, upgrade }: Failure, brief: boolean) {
  const details = [];
  if (quota.length > 0) {
    const violations = quota.slice(0, brief ? 1 : MAX_QUOTA_VIOLATIONS).map(({ subject, description, unit, name, limit }) => ({
      subject, description: clip(printable(description), 128), apiService: 'tollgate', quotaMetric: unit, quotaId: name, quotaDimensions: {}, quotaValue: limit,
    }));
    details.push(pack('google.rpc.QuotaFailure', QuotaFailure, { violations }));
  }
  if (upgrade !== undefined) {
    const cheaperModels = brief ? [] : upgrade.cheaperModels.slice(0, MAX_CHEAPER_MODELS).map((model) => clip(printable(model), 128));
    details.push(pack('tollgate.v1.UpgradePrompt', UpgradePrompt, { ...upgrade, url: encodeURI(upgrade.url).length > 512 ? '' : upgrade.url, cheaperModels }));
  }
  return details;
}

function encodeDetails(failure: Failure, code: status, message: string, omitted: number, brief: boolean): Buffer {
  const details = [pack('google.rpc.ErrorInfo', ErrorInfo, errorInfo(failure))];
  if (failure.violations.length > 0) {
    const fieldViolations = failure.violations.slice(0, 8).map(({ field, description }) => ({ field: clip(printable(field), 128), description: clip(printable(description), 128), reason: '', localizedMessage: undefined }));
    details.push(pack('google.rpc.BadRequest', BadRequest, { fieldViolations }));
  }
  if (failure.retryAfterMs !== undefined) {
    details.push(pack('google.rpc.RetryInfo', RetryInfo, { retryDelay: toDuration(failure.retryAfterMs) }));
  }
  details.push(...quotaDetails(failure, brief));
  if (failure.generation !== undefined) details.push(pack('tollgate.v1.GenerationFailure', GenerationFailure, generationFailure(failure.generation, omitted)));
  return Buffer.from(Status.encode({ code, message, details }).finish());
}

function codeOf(failure: Failure): status {
  if (failure.reason === 'ALL_ATTEMPTS_FAILED' && failure.metadata['retryable'] === 'false') return status.FAILED_PRECONDITION;
  return status[CODE_BY_REASON[failure.reason]];
}

/** Turns anything thrown into a status. What is not a Failure tells the caller nothing but INTERNAL. */
export function toStatus(error: unknown): StatusObject {
  const failure = error instanceof Failure ? error : new Failure('INTERNAL', 'something unforeseen happened in the daemon; its log says what');
  const code = codeOf(failure);
  let message = clip(printable(failure.message), MAX_MESSAGE_BYTES);
  const attempts = failure.generation?.attempts.length ?? 0;
  let omitted = 0;
  let details = encodeDetails(failure, code, message, omitted, false);
  const isTooLong = (): boolean => encodedBytes(details, message) > MAX_TRAILER_BYTES;
  const brief = isTooLong();
  if (brief) details = encodeDetails(failure, code, message, omitted, brief);
  while (isTooLong() && omitted < attempts) details = encodeDetails(failure, code, message, ++omitted, brief);
  if (isTooLong()) {
    message = clip(message, MAX_SHORT_MESSAGE_BYTES);
    details = encodeDetails(failure, code, message, omitted, brief);
  }
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', details);
  return { code, details: message, metadata };
}
