import type { Duration } from '../../gen/google/protobuf/duration.ts';
import { ToolChoice_Mode } from '../../gen/tollgate/v1/content.ts';
import { RoutingOptions_OnInterrupt, type GenerateRequest, type RoutingOptions } from '../../gen/tollgate/v1/generate_service.ts';
import { holdsKey } from '../mask-keys.ts';
import { checkMessages } from './check-messages.ts';
import { durationMs } from '../../duration.ts';
import { isJsonObject } from './is-json.ts';
import { Violations } from './violations.ts';

const MAX_SPAN_MS = 86_400_000;
const TOOL_NAME = /^[^\s]{1,128}$/;
const IDEMPOTENCY_KEY = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,128}$/u;
const MODES: readonly number[] = Object.values(ToolChoice_Mode);
const ON_INTERRUPTS: readonly number[] = Object.values(RoutingOptions_OnInterrupt);

const within = (min: number, max: number) => (value: number): boolean => Number.isFinite(value) && value >= min && value <= max;

function checkSampling(request: GenerateRequest, violations: Violations): void {
  violations.checkSet(request.maxOutputTokens, (value) => value >= 1, 'max_output_tokens', 'must be at least 1; leave it unset for the provider\'s default');
  violations.checkSet(request.temperature, within(0, 2), 'temperature', 'must be from 0 to 2');
  violations.checkSet(request.topP, (value) => within(0, 1)(value) && value > 0, 'top_p', 'must be over 0 and at most 1');
  violations.checkSet(request.topK, (value) => value >= 1, 'top_k', 'must be at least 1');
  for (const [at, stop] of request.stopSequences.entries()) violations.check(stop !== '', `stop_sequences[${at}]`, 'must not be empty');
  violations.checkSet(request.reasoning?.maxReasoningTokens, (value) => value >= 0, 'reasoning.max_reasoning_tokens', 'must not be negative');
}

function checkTools(request: GenerateRequest, violations: Violations): void {
  const names = new Set<string>();
  for (const [at, tool] of request.tools.entries()) {
    const path = `tools[${at}]`;
    violations.check(TOOL_NAME.test(tool.name), `${path}.name`, 'must be 1 to 128 characters without spaces');
    violations.check(!names.has(tool.name), `${path}.name`, 'another tool has this name');
    violations.check(tool.parametersJson === '' || isJsonObject(tool.parametersJson), `${path}.parameters_json`, 'must be a JSON Schema object, or empty');
    names.add(tool.name);
  }
  const choice = request.toolChoice?.choice;
  if (choice?.$case === 'toolName') violations.check(names.has(choice.value), 'tool_choice.tool_name', 'no tool of this request has this name');
  if (choice?.$case === 'mode') {
    violations.check(MODES.includes(choice.value), 'tool_choice.mode', 'is not a known mode');
    violations.check(choice.value !== ToolChoice_Mode.REQUIRED || names.size > 0, 'tool_choice.mode', 'MODE_REQUIRED needs at least one tool');
  }
}

function checkFormat(request: GenerateRequest, violations: Violations): void {
  const format = request.responseFormat?.format;
  if (format?.$case !== 'jsonSchema') return;
  violations.check(isJsonObject(format.value.schemaJson), 'response_format.json_schema.schema_json', 'must be a JSON Schema object');
  violations.check(/^[a-zA-Z0-9_-]{0,64}$/.test(format.value.name), 'response_format.json_schema.name', 'must be at most 64 letters, digits, "_" or "-"');
}

function checkRouting(routing: RoutingOptions | undefined, violations: Violations): void {
  if (routing === undefined) return;
  const span = (field: string, value: Duration | undefined): void =>
    violations.checkSet(value, (duration) => within(1, MAX_SPAN_MS)(durationMs(duration)), `routing.${field}`, 'must be from 1 ms to 24 h');
  span('attempt_timeout', routing.attemptTimeout);
  span('first_token_timeout', routing.firstTokenTimeout);
  span('idle_timeout', routing.idleTimeout);
  span('hedge_after', routing.hedgeAfter);
  violations.checkSet(routing.maxCostPicoUsd, (value) => value >= 0n, 'routing.max_cost_pico_usd', 'must not be negative');
  violations.check(ON_INTERRUPTS.includes(routing.onInterrupt), 'routing.on_interrupt', 'is not a known word');
  for (const [at, model] of routing.fallbackModels.entries()) {
    violations.check(model !== '', `routing.fallback_models[${at}]`, 'must not be empty');
    violations.check(!holdsKey(model), `routing.fallback_models[${at}]`, 'this looks like a key; nobody was asked');
  }
}

function checkWords(request: GenerateRequest, violations: Violations): void {
  violations.check(Buffer.byteLength(request.model) <= 512, 'model', 'must be at most 512 bytes');
  violations.check(request.idempotencyKey === '' || IDEMPOTENCY_KEY.test(request.idempotencyKey), 'idempotency_key', 'must be 1 to 128 printable characters');
  violations.check(!holdsKey(request.model), 'model', 'this looks like a key; nobody was asked');
  const labels = Object.entries(request.labels);
  violations.check(labels.length <= 16, 'labels', 'at most 16 are allowed');
  for (const [name, value] of labels) violations.check(name !== '' && Buffer.byteLength(name) <= 64 && Buffer.byteLength(value) <= 256, 'labels', 'a key has 1 to 64 bytes, a value at most 256');
  for (const [type, json] of Object.entries(request.providerOptionsJson)) violations.check(isJsonObject(json), `provider_options_json["${type}"]`, 'must be a JSON object');
}

/** Checks that a request is whole; a plan needs no messages. Throws REQUEST_INVALID naming every wrong field. */
export function checkGenerateRequest(request: GenerateRequest, needsMessages = true): void {
  const violations = new Violations();
  violations.check(!needsMessages || request.messages.length > 0, 'messages', 'at least one message is needed');
  checkMessages(request.messages, violations);
  checkSampling(request, violations);
  checkTools(request, violations);
  checkFormat(request, violations);
  checkRouting(request.routing, violations);
  checkWords(request, violations);
  violations.throwIfAny();
}
