import type { status } from '@grpc/grpc-js';
import type { GenerationFailure } from '../../gen/tollgate/v1/generate_service.ts';
import type { UpgradePrompt } from '../../gen/tollgate/v1/usage_service.ts';

/** A gRPC status code by its name, e.g. "UNAVAILABLE". */
export type StatusName = keyof typeof status;

/** A field of the request that is wrong. */
export interface Violation {
  /** Its path, e.g. `messages[0].parts`. */
  readonly field: string;
  readonly description: string;
}

export interface TollgateErrorFields {
  readonly reason: string;
  readonly code: StatusName;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | undefined;
  readonly failure?: GenerationFailure | undefined;
  readonly violations?: readonly Violation[];
  readonly upgrade?: UpgradePrompt | undefined;
  readonly cause?: unknown;
}

/** Why a call failed. Everything that this library rejects with, misuse apart, is one. */
export class TollgateError extends Error {
  override readonly name = 'TollgateError';
  /**
   * A reason of docs/errors.md, e.g. "KEY_MISSING". Beside those the library itself says "DAEMON_UNREACHABLE": nobody answers at
   * the address, or the connection broke. A status without a reason gives its code's name.
   */
  readonly reason: string;
  /** The gRPC status code's name. */
  readonly code: StatusName;
  /** What goes with the reason: `provider`, `model`, `http_status`, … Empty when nothing does. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** How long the daemon or the provider asked to wait, in milliseconds. Undefined when nobody said. */
  readonly retryAfterMs: number | undefined;
  /** What a failed generation did and used. Undefined when no provider was tried or passed over. */
  readonly failure: GenerationFailure | undefined;
  /** The wrong fields of a REQUEST_INVALID. Empty otherwise. */
  readonly violations: readonly Violation[];
  /** What would allow the call, of a QUOTA_EXCEEDED, BUDGET_EXCEEDED or TIER_TOO_LOW. Undefined otherwise. */
  readonly upgrade: UpgradePrompt | undefined;

  constructor(fields: TollgateErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.reason = fields.reason;
    this.code = fields.code;
    this.metadata = fields.metadata ?? {};
    this.retryable = fields.retryable ?? false;
    this.retryAfterMs = fields.retryAfterMs;
    this.failure = fields.failure;
    this.violations = fields.violations ?? [];
    this.upgrade = fields.upgrade;
  }
}

/** Nobody answers at `address`, or nothing says where a daemon is. */
export function daemonUnreachable(address: string | undefined, cause?: unknown): TollgateError {
  const where = address === undefined ? 'No Tollgate daemon runs' : `No Tollgate daemon answers at ${address}`;
  return new TollgateError({
    reason: 'DAEMON_UNREACHABLE',
    code: 'UNAVAILABLE',
    message: `${where}. Start one with \`tollgate start\`.`,
    retryable: true,
    cause,
  });
}

/** The caller's own signal ended the call. Its reason is the cause. */
export function cancelled(cause: unknown): TollgateError {
  return new TollgateError({ reason: 'CANCELLED', code: 'CANCELLED', message: 'The call was cancelled.', cause });
}
