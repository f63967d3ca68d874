import type { Attempt, Cost, TokenUsage } from '../gen/tollgate/v1/content.ts';
import type { UpgradePrompt } from '../gen/tollgate/v1/usage_service.ts';

/** Every reason that a call can fail with. docs/errors.md explains each. */
export const REASONS = [
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'SCOPE_MISSING',
  'MODEL_NOT_GRANTED',
  'PROVIDER_NOT_GRANTED',
  'TIER_TOO_LOW',
  'REQUEST_INVALID',
  'CONFIG_INVALID',
  'MODEL_NOT_FOUND',
  'PROVIDER_NOT_FOUND',
  'GENERATION_NOT_FOUND',
  'KEY_MISSING',
  'KEYS_LOCKED',
  'SETTING_MISSING',
  'NO_PROVIDER_READY',
  'NO_CANDIDATE_FITS',
  'QUOTA_EXCEEDED',
  'BUDGET_EXCEEDED',
  'DAEMON_OVERLOADED',
  'JOURNAL_UNAVAILABLE',
  'PRICE_LIST_UNAVAILABLE',
  'SHUTTING_DOWN',
  'KEY_STORE_UNAVAILABLE',
  'CONNECT_TIMEOUT',
  'FIRST_TOKEN_TIMEOUT',
  'IDLE_TIMEOUT',
  'ATTEMPT_TIMEOUT',
  'DEADLINE',
  'CANCELLED',
  'NOT_SUPPORTED',
  'ALL_COOLING_DOWN',
  'IDEMPOTENCY_KEY_REUSED',
  'ALREADY_DONE',
  'RESUME_EXPIRED',
  'ALL_ATTEMPTS_FAILED',
  'KEY_REJECTED',
  'PROVIDER_PERMISSION_DENIED',
  'PROVIDER_QUOTA_EXHAUSTED',
  'RATE_LIMITED',
  'PROVIDER_OVERLOADED',
  'PROVIDER_UNAVAILABLE',
  'REQUEST_REJECTED',
  'CONTEXT_TOO_LONG',
  'REQUEST_TOO_LARGE',
  'CONTENT_FILTERED',
  'RESPONSE_TRUNCATED',
  'RESPONSE_INVALID',
  'INTERNAL',
] as const;

export type Reason = (typeof REASONS)[number];

export interface FieldViolation {
  /** The field's path in the request, in proto names. */
  readonly field: string;
  readonly description: string;
}

/** A limit of ours that does not allow a call. */
export interface QuotaViolation {
  /** Whose it is: `client:my-app`. */
  readonly subject: string;
  /** How far it is used and when it begins anew, for a person. */
  readonly description: string;
  /** "requests", "tokens" or "pico_usd". */
  readonly unit: string;
  /** Its name: "requests per month". */
  readonly name: string;
  readonly limit: bigint;
}

/** What a generation had done when it failed. */
export interface GenerationRecord {
  readonly generationId: string;
  readonly attempts: readonly Attempt[];
  readonly usage: TokenUsage | undefined;
  /** What all attempts cost together; undefined when nobody was called. */
  readonly cost: Cost | undefined;
  /** Whether deltas were sent. */
  readonly partial: boolean;
}

export interface FailureFields {
  /** What varies in the message, for programs: provider, model, http_status … */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  /** How long to wait before the same call may succeed, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly generation?: GenerationRecord | undefined;
  /** The limits that were met. */
  readonly quota?: readonly QuotaViolation[];
  /** What would allow the call. */
  readonly upgrade?: UpgradePrompt | undefined;
  readonly cause?: unknown;
}

/** Why a call fails, in the domain's words. `server/rpc-error.ts` turns it into a gRPC status. */
export class Failure extends Error {
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
  readonly generation: GenerationRecord | undefined;
  readonly quota: readonly QuotaViolation[];
  readonly upgrade: UpgradePrompt | undefined;

  constructor(reason: Reason, message: string, fields: FailureFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'Failure';
    this.reason = reason;
    this.metadata = fields.metadata ?? {};
    this.violations = fields.violations ?? [];
    this.retryAfterMs = fields.retryAfterMs;
    this.generation = fields.generation;
    this.quota = fields.quota ?? [];
    this.upgrade = fields.upgrade;
  }

  /** The same failure, with what the generation had done. */
  withGeneration(generation: GenerationRecord): Failure {
    return new Failure(this.reason, this.message, { metadata: this.metadata, violations: this.violations, retryAfterMs: this.retryAfterMs, quota: this.quota, upgrade: this.upgrade, generation, cause: this.cause });
  }
}

/** A request that is wrong: one failure that names every wrong field. */
export const invalidRequest = (violations: readonly FieldViolation[]): Failure =>
  new Failure('REQUEST_INVALID', violations.map(({ field, description }) => `${field}: ${description}`).join('; '), { violations });
