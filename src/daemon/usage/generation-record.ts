import { Attempt_Outcome, Cost_Provenance, FinishReason, type Attempt, type Cost, type TokenUsage } from '../../gen/tollgate/v1/content.ts';
import { UsageSource, type Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { durationMs, toDuration } from '../../duration.ts';

/** A JSON object of the journal. */
export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
export const amountOf = (value: unknown): bigint | undefined => (typeof value === 'string' && /^-?\d{1,40}$/.test(value) ? BigInt(value) : undefined);
const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
const dateOf = (value: unknown): Date | undefined => (typeof value === 'number' && Math.abs(value) <= 8.64e15 ? new Date(value) : undefined);
/** Made once for each enum: a start after a crash reads a million of them. */
const readerOf = <T extends number>(values: Readonly<Record<string, T>>, fallback: T): ((value: unknown) => T) => {
  const known = new Map<unknown, T>(Object.values(values).map((each) => [each, each]));
  return (value) => known.get(value) ?? fallback;
};
const readProvenance = readerOf(Cost_Provenance, Cost_Provenance.UNSPECIFIED);
const readOutcome = readerOf(Attempt_Outcome, Attempt_Outcome.UNSPECIFIED);
const readFinishReason = readerOf(FinishReason, FinishReason.UNSPECIFIED);
const readUsageSource = readerOf(UsageSource, UsageSource.UNSPECIFIED);
export const textsOf = (value: unknown): Record<string, string> => (isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, text]) => [name, textOf(text)])) : {});
const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

function isNothing(value: unknown): boolean {
  if (typeof value !== 'object') return value === undefined || value === '' || value === 0 || value === false;
  for (const _ in value) return false;
  return true;
}

/** The fields whose value is none, false, zero or empty are left out: most are, in most generations. */
function compact(fields: Json): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const name in fields) if (!isNothing(fields[name])) json[name] = fields[name];
  return json;
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const TOKEN_FIELDS = [
  'inputTokens', 'outputTokens', 'cacheReadInputTokens', 'cacheCreationInputTokens', 'cacheCreation1hInputTokens', 'reasoningOutputTokens', 'audioInputTokens', 'audioOutputTokens', 'imageOutputTokens',
  'webSearchRequests',
] as const satisfies readonly (keyof TokenUsage)[];
const NAMES = TOKEN_FIELDS.map((field) => [field, snake(field)] as const);

/** Amounts are decimal text. An explicit zero stays. */
function writeUsage(usage: TokenUsage | undefined): Json | undefined {
  if (usage === undefined) return undefined;
  const json: Record<string, string> = {};
  for (const [field, name] of NAMES) if (usage[field] !== undefined) json[name] = String(usage[field]);
  return json;
}

function readUsage(json: unknown): TokenUsage | undefined {
  if (!isObject(json)) return undefined;
  const usage: TokenUsage = {};
  for (const [field, name] of NAMES) {
    const amount = amountOf(json[name]);
    if (amount !== undefined) usage[field] = amount;
  }
  return usage;
}

const decimal = (amount: bigint | undefined): string | undefined => (amount === undefined ? undefined : String(amount));

const writeCost = (cost: Cost | undefined): Json | undefined =>
  cost === undefined
    ? undefined
    : compact({ expected_pico_usd: decimal(cost.expectedPicoUsd), low_pico_usd: decimal(cost.lowPicoUsd), high_pico_usd: decimal(cost.highPicoUsd), provenance: cost.provenance, price_version: cost.priceVersion });

const readCost = (json: unknown): Cost | undefined =>
  isObject(json)
    ? {
        expectedPicoUsd: amountOf(json['expected_pico_usd']),
        lowPicoUsd: amountOf(json['low_pico_usd']),
        highPicoUsd: amountOf(json['high_pico_usd']),
        provenance: readProvenance(json['provenance']),
        priceVersion: textOf(json['price_version']),
      }
    : undefined;

/** Zero is a span too. */
function addSpan(json: Record<string, unknown>, name: string, span: Attempt['duration']): void {
  if (span !== undefined) json[name] = durationMs(span);
}
const readSpan = (value: unknown): Attempt['duration'] => (typeof value === 'number' && Number.isFinite(value) ? toDuration(value) : undefined);

function writeAttempt(attempt: Attempt): Json {
  const json = compact({
    attempt: attempt.attempt,
    provider: attempt.provider,
    model: attempt.model,
    key_label: attempt.keyLabel,
    outcome: attempt.outcome,
    reason: attempt.reason,
    message: attempt.message,
    http_status: attempt.httpStatus,
    start_time: attempt.startTime?.getTime(),
    usage: writeUsage(attempt.usage),
    cost: writeCost(attempt.cost),
  });
  addSpan(json, 'duration_ms', attempt.duration);
  return json;
}

const readAttempt = (json: Json): Attempt => ({
  attempt: numberOf(json['attempt']),
  provider: textOf(json['provider']),
  model: textOf(json['model']),
  keyLabel: textOf(json['key_label']),
  outcome: readOutcome(json['outcome']),
  reason: textOf(json['reason']),
  message: textOf(json['message']),
  httpStatus: numberOf(json['http_status']),
  startTime: dateOf(json['start_time']),
  duration: readSpan(json['duration_ms']),
  usage: readUsage(json['usage']),
  cost: readCost(json['cost']),
});

/** A generation as the journal holds it. Its id and the time of its end stand in the record beside it. */
export function writeGeneration(generation: Generation): Json {
  const json = compact({
    client: generation.client,
    model: generation.model,
    start_time: generation.startTime?.getTime(),
    settle_time: generation.settleTime?.getTime(),
    finish_reason: generation.finishReason,
    status_reason: generation.statusReason,
    usage: writeUsage(generation.usage),
    usage_source: generation.usageSource,
    cost: writeCost(generation.cost),
    attempts: generation.attempts.map(writeAttempt),
    labels: generation.labels,
    provider: generation.provider,
    response_model: generation.responseModel,
    embedding: generation.embedding,
  });
  addSpan(json, 'duration_ms', generation.duration);
  addSpan(json, 'time_to_first_token_ms', generation.timeToFirstToken);
  return json;
}

export const readGeneration = (generationId: string, settledMs: number, json: Json): Generation => ({
  generationId,
  client: textOf(json['client']),
  model: textOf(json['model']),
  startTime: dateOf(json['start_time']),
  duration: readSpan(json['duration_ms']),
  timeToFirstToken: readSpan(json['time_to_first_token_ms']),
  finishReason: readFinishReason(json['finish_reason']),
  statusReason: textOf(json['status_reason']),
  usage: readUsage(json['usage']),
  usageSource: readUsageSource(json['usage_source']),
  cost: readCost(json['cost']),
  attempts: listOf(json['attempts']).map(readAttempt),
  labels: textsOf(json['labels']),
  settleTime: dateOf(json['settle_time']) ?? new Date(settledMs),
  provider: textOf(json['provider']),
  responseModel: textOf(json['response_model']),
  embedding: json['embedding'] === true,
});
