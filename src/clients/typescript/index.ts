export type { GenerationEvent } from './answer.ts';
export type { CallOptions, StreamOptions } from './call.ts';
export { connect, type ConnectOptions } from './connect.ts';
export type { ConfigClient } from './config-client.ts';
export type { Generation } from './generation.ts';
export type { KeysClient } from './keys-client.ts';
export { type Picture, system, toolResult, user } from './messages.ts';
export type { EmbedInput, GenerateInput, ModelFilter, ResumeOptions, Tollgate } from './tollgate.ts';
export { type StatusName, TollgateError, type Violation } from './tollgate-error.ts';
export type { UsageChoice, UsageClient } from './usage-client.ts';

export type { CreateTokenRequest, CreateTokenResponse, RevokeTokenResponse, Token, WhoAmIResponse } from '../../gen/tollgate/v1/access_service.ts';
export type { GetConfigResponse, UpdateConfigResponse } from '../../gen/tollgate/v1/config_service.ts';
export {
  Attempt, Attempt_Outcome, Cost, Cost_Provenance, FinishReason, Image, Message, Part, Reasoning, ResponseFormat, Role, TokenUsage, Tool,
  ToolCall, ToolChoice, ToolChoice_Mode, ToolResult,
} from '../../gen/tollgate/v1/content.ts';
export {
  AttemptFailed, AttemptStarted, Finish, GenerateRequest, GenerateResponse, GenerationFailure, Model, PlannedAttempt, ReasoningDelta,
  ReasoningOptions, RoutingOptions, TextDelta, ToolCallDelta, UnlistedProvider,
} from '../../gen/tollgate/v1/generate_service.ts';
export {
  type GetProviderResponse, Key, KeySource, KeyState, KeyStore, type ListProvidersResponse, type LockResponse, Provider, Provider_Kind, ProviderSetting,
  type RemoveKeyRequest, type RemoveKeyResponse, type SetKeyRequest, type SetKeyResponse, type UnlockResponse, type ValidateKeyRequest, ValidateKeyResponse,
  ValidateKeyResponse_Verdict,
} from '../../gen/tollgate/v1/keys_service.ts';
export {
  Generation as SettledGeneration, type GetPriceResponse, type GetQuotaResponse, type GetSummaryResponse, type ImportUsageResponse, Price, type QueryUsageRequest,
  type QueryUsageResponse, QuotaWindow, Summary, UpgradePrompt, UsageFilter, UsageRow, UsageSource,
} from '../../gen/tollgate/v1/usage_service.ts';
