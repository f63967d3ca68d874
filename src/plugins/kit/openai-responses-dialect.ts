import type { ReasoningOptions } from '../../gen/tollgate/v1/generate_service.ts';
import type { ErrorClass, GenerateRequest, ProviderError } from '../provider.ts';
import type { JsonObject } from './json.ts';
import type { RefusableField } from './openai-chat-dialect.ts';

/** What one provider does differently in OpenAI's Responses API. Everything has the default that OpenAI's own API has. */
export interface ResponsesDialect {
  /** What follows the base URL. Default "/responses". */
  readonly path?: string;
  /** The role that system messages have. Default "system". */
  readonly systemRole?: 'system' | 'developer';
  /**
   * Whether the model's thoughts are asked for in encrypted form, so that they can go back with the next request. Models that do
   * not reason may refuse to be asked. Default false.
   */
  readonly encryptedReasoning?: boolean;
  /** The body's `reasoning`. Default: the effort, and a summary of the thoughts unless the effort is "none". */
  readonly reasoning?: (options: ReasoningOptions) => JsonObject;
  /** `stream_options`. Default: not sent. */
  readonly streamOptions?: JsonObject;
  /** Fields of the body that are always sent. */
  readonly extra?: JsonObject;
  /** Why the provider cannot honour a field, beside those that the API does not have. */
  readonly refuses?: Partial<Record<RefusableField, string>>;
  /** The header that names the request for the provider's support. Default "x-request-id", else the answer's id. */
  readonly requestIdHeader?: string;
  /** The provider's own error codes that mean something else elsewhere. */
  readonly codes?: Readonly<Record<string, ErrorClass>>;
  /** Says more about an error than the provider does. */
  readonly explain?: (error: ProviderError, request: GenerateRequest) => ProviderError;
}
