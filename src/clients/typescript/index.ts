export type { GenerationEvent } from './answer.ts';
export type { CallOptions } from './call.ts';
export { connect, type ConnectOptions } from './connect.ts';
export type { Generation } from './generation.ts';
export { type Picture, system, toolResult, user } from './messages.ts';
export type { EmbedInput, GenerateInput, ModelFilter, Tollgate } from './tollgate.ts';
export { type StatusName, TollgateError, type Violation } from './tollgate-error.ts';

export type { CreateTokenRequest, CreateTokenResponse, WhoAmIResponse } from '../../gen/tollgate/v1/access_service.ts';
export {
  Attempt, Attempt_Outcome, Cost, Cost_Provenance, FinishReason, Image, Message, Part, Reasoning, ResponseFormat, Role, TokenUsage, Tool,
  ToolCall, ToolChoice, ToolChoice_Mode, ToolResult,
} from '../../gen/tollgate/v1/content.ts';
export {
  AttemptFailed, AttemptStarted, Finish, GenerateRequest, GenerateResponse, GenerationFailure, Model, ReasoningDelta,
  ReasoningOptions, RoutingOptions, TextDelta, ToolCallDelta, UnlistedProvider,
} from '../../gen/tollgate/v1/generate_service.ts';
