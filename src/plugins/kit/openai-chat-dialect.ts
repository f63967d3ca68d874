import type { FinishReason, Message, Tool, ToolChoice } from '../../gen/tollgate/v1/content.ts';
import type { ReasoningOptions } from '../../gen/tollgate/v1/generate_service.ts';
import type { ErrorClass, GenerateRequest, ProviderError, TokenUsage } from '../provider.ts';
import type { JsonObject } from './json.ts';

/** Fields of a request that a provider may not be able to honour, by their proto names. */
export type RefusableField = 'temperature' | 'top_p' | 'top_k' | 'stop_sequences' | 'seed' | 'image' | 'response_format.json_schema';

/** Fields of a request that some providers do without, and no harm is done. */
export type IgnorableField = 'temperature' | 'top_p' | 'seed';

/** Collects what has to come back with the assistant's turn: fed each delta, asked once at the end. */
export interface Keepsake {
  add(delta: JsonObject): void;
  /** JSON text for `provider_metadata_json`; undefined when there is nothing to keep. */
  json(): string | undefined;
}

/** What one provider does differently in the OpenAI dialect. Everything has the default that OpenAI's own API has. */
export interface ChatDialect {
  /** What follows the base URL. Default "/chat/completions". */
  readonly path?: string;
  /** Whether the body names the model. Default true. */
  readonly modelInBody?: boolean;
  /** The body's field for max_output_tokens. Default "max_tokens". */
  readonly maxTokensField?: string;
  /** Sent as that field when the request has no max_output_tokens. Default: nothing is. */
  readonly defaultMaxTokens?: number;
  /** The body's field for the seed. Default "seed". */
  readonly seedField?: string;
  /** `stream_options`. Default: not sent. */
  readonly streamOptions?: JsonObject;
  /** Fields of the body that are always sent. */
  readonly extra?: JsonObject;
  /** The role that system messages have. Default "system". */
  readonly systemRole?: 'system' | 'developer';
  /** Whether an assistant's refusal has a field of its own. Default: it is sent as text. */
  readonly refusalField?: boolean;
  /** Whether a JSON Schema stands bare in `response_format.json_schema`. Default: in OpenAI's wrapper. */
  readonly bareJsonSchema?: boolean;
  /** Why the provider cannot honour a field: a request that has it fails before anything is sent. */
  readonly refuses?: Partial<Record<RefusableField, string>>;
  /** Request fields, by their proto names, that are left out without harm. */
  readonly ignores?: readonly IgnorableField[];
  /** The body's fields for how much to think. Default: `reasoning_effort`, and no limit in tokens. */
  readonly reasoning?: (options: ReasoningOptions) => JsonObject;
  /** Changes a tool choice to what the provider obeys. Default: none. */
  readonly toolChoice?: (choice: ToolChoice, tools: readonly Tool[]) => ToolChoice;
  /** The word that makes the model call one tool or another. Default "required". */
  readonly anyToolWord?: string;
  /** Writes the id of a tool call as the provider takes it, always the same for the same id. Default: as it is. */
  readonly toolCallId?: (id: string) => string;
  /**
   * Fields that an assistant's turn gets beside the dialect's own, or instead of them: its thoughts. Default: thoughts are left
   * out. `path` names the message.
   */
  readonly assistantFields?: (message: Message, path: string) => JsonObject;
  /** Puts the finished messages into an order that the provider takes. Default: as they are. */
  readonly arrange?: (messages: readonly JsonObject[]) => readonly JsonObject[];

  /** Where a delta's thoughts stand; the first field that holds text counts. Default `reasoning_content`, `reasoning`. */
  readonly reasoningFields?: readonly string[];
  /** Collects what has to come back with the assistant's turn. Default: nothing. */
  readonly keepsake?: () => Keepsake;
  /** Turns an event of the provider's own shape into one of the dialect. */
  readonly normalise?: (event: JsonObject) => JsonObject;
  /** How a chunk's usage relates to the one before. Default `last`: each is the whole so far. */
  readonly usage?: 'last' | 'increments';
  /** The finish reason of an answer that ended well without one. Default OTHER. */
  readonly unsaidFinish?: (usage: TokenUsage | undefined, maxTokens: number | undefined) => FinishReason;
  /** The header that names the request for the provider's support. Default "x-request-id", else the answer's id. */
  readonly requestIdHeader?: string;
  /** The provider's own error codes that mean something else elsewhere. */
  readonly codes?: Readonly<Record<string, ErrorClass>>;
  /** Says more about an error than the provider does. */
  readonly explain?: (error: ProviderError, request: GenerateRequest) => ProviderError;
}
