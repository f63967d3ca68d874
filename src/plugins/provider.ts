/**
 * The TypeScript face of `proto/tollgate/provider/v1/provider_service.proto`: the one file that a plugin's author reads.
 *
 * A plugin keeps no state about callers and no keys. Each call brings the instance, its key and the whole request; each
 * `generate` makes one request to the provider. Plugins import this file, `kit/` and generated messages, nothing else.
 */
import type {
  CheckKeyRequest,
  CheckKeyResponse,
  EmbedRequest,
  EmbedResponse,
  Finish,
  GenerateRequest,
  GenerateResponse,
  ListModelsRequest,
  Manifest,
  ModelInfo,
} from '../gen/tollgate/provider/v1/provider_service.ts';
import { ErrorClass } from '../gen/tollgate/provider/v1/provider_service.ts';
import type { ReasoningDelta, TextDelta, ToolCallDelta } from '../gen/tollgate/v1/generate_service.ts';
import type { TokenUsage } from '../gen/tollgate/v1/content.ts';

export { ErrorClass };
export type { CheckKeyRequest, CheckKeyResponse, EmbedRequest, EmbedResponse, Finish, GenerateRequest, ListModelsRequest, Manifest, ModelInfo, TokenUsage };

/** One event of an answer: `started` first, then deltas, then exactly one `finish`. */
export type ProviderEvent = NonNullable<GenerateResponse['event']>;

export interface CallContext {
  /**
   * Fires when the answer is no longer wanted: the caller went away, or a time limit was reached. The provider's request must end with it. Where the
   * manifest says that cancelling does not stop billing it fires up to 10 s later: the answer is read on for its usage.
   */
  readonly signal: AbortSignal;
}

export interface Provider {
  readonly manifest: Manifest;
  /**
   * Streams one answer. Ends after `finish`; fails by throwing a ProviderError, also when the provider's stream is cut.
   * A throw before `started` means that the provider was not reached. When the signal fires it throws the signal's reason, or a ProviderError
   * with what the provider has reported by then and with that reason as its cause.
   */
  generate(request: GenerateRequest, context: CallContext): AsyncIterable<ProviderEvent>;
  /** Throws the `unsupported(…)` that `generate` would throw of this request, and sends nothing. Without it a plan cannot tell. */
  check?(request: GenerateRequest): void;
  /** Lists the models that the key may use. */
  listModels(request: ListModelsRequest, context: CallContext): Promise<readonly ModelInfo[]>;
  /** Asks the provider, free of charge wherever it can, whether the key is good. Never throws for a bad key. */
  checkKey(request: CheckKeyRequest, context: CallContext): Promise<CheckKeyResponse>;
  /** Turns texts into vectors. Absent where the provider has none. */
  embed?(request: EmbedRequest, context: CallContext): Promise<EmbedResponse>;
}

export interface ProviderErrorFields {
  readonly httpStatus?: number | undefined;
  /** The provider's own word for the type of error. */
  readonly type?: string | undefined;
  /** The provider's own code, or the request field of an UNSUPPORTED error. */
  readonly code?: string | undefined;
  /** How long the provider asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** What the provider reported before it failed. */
  readonly usage?: TokenUsage | undefined;
  readonly cause?: unknown;
}

/** Why a provider call failed. The message is for a person and holds no key. */
export class ProviderError extends Error {
  readonly errorClass: ErrorClass;
  readonly httpStatus: number | undefined;
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly usage: TokenUsage | undefined;

  constructor(errorClass: ErrorClass, message: string, fields: ProviderErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'ProviderError';
    this.errorClass = errorClass;
    this.httpStatus = fields.httpStatus;
    this.type = fields.type;
    this.code = fields.code;
    this.retryAfterMs = fields.retryAfterMs;
    this.usage = fields.usage;
  }
}

/** The request has a field that this provider cannot honour: thrown before anything is sent. `field` is its path in the request. */
export const unsupported = (field: string, why: string): ProviderError =>
  new ProviderError(ErrorClass.UNSUPPORTED, `${field}: ${why}`, { code: field });

export const started = (ignoredFields: readonly string[] = []): ProviderEvent => ({
  $case: 'started',
  value: { ignoredFields: [...ignoredFields] },
});
export const textDelta = (value: TextDelta): ProviderEvent => ({ $case: 'textDelta', value });
export const reasoningDelta = (value: ReasoningDelta): ProviderEvent => ({ $case: 'reasoningDelta', value });
export const toolCallDelta = (value: ToolCallDelta): ProviderEvent => ({ $case: 'toolCallDelta', value });
export const finish = (value: Finish): ProviderEvent => ({ $case: 'finish', value });
