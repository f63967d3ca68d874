import { Attempt_Outcome, FinishReason, type Cost, type TokenUsage } from '../../gen/tollgate/v1/content.ts';
import { UsageSource, type Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { toDuration } from '../../duration.ts';
import type { OpenReservation } from './fold.ts';
import { amountOf, textOf, textsOf, writeGeneration, type Json } from './generation-record.ts';
import type { JournalRecord } from './journal-record.ts';
import type { ReserveRequest, Settlement, UpperBound } from './ledger.ts';
import { knownCost } from './sums.ts';

/** What a reservation keeps of its request. */
export const writeRequest = ({ model, labels, embedding, bound }: ReserveRequest): Json => ({
  model,
  ...(Object.keys(labels).length === 0 ? {} : { labels }),
  ...(embedding ? { embedding } : {}),
  bound_tokens: String(bound.tokens),
  ...(bound.picoUsd === undefined ? {} : { bound_pico_usd: String(bound.picoUsd) }),
  ...(bound.inputTokens === undefined ? {} : { bound_input_tokens: String(bound.inputTokens) }),
});

const readBound = (request: Json): UpperBound => ({ tokens: amountOf(request['bound_tokens']) ?? 0n, picoUsd: amountOf(request['bound_pico_usd']), inputTokens: amountOf(request['bound_input_tokens']) });

const tokensOf = (usage: TokenUsage | undefined): bigint | undefined => (usage?.inputTokens === undefined && usage?.outputTokens === undefined ? undefined : (usage.inputTokens ?? 0n) + (usage.outputTokens ?? 0n));

/** The end of a generation: as it is written down, and what is read from that. */
export interface Settled {
  readonly record: JournalRecord;
  readonly generation: Generation;
}

function settleRecord(generation: Generation, time: number, charge: { readonly tokens: bigint; readonly picoUsd: bigint }): Settled {
  const json = { ...writeGeneration(generation), charge: { tokens: String(charge.tokens), pico_usd: String(charge.picoUsd) } };
  generation.settleTime = new Date(time);
  return { record: { type: 'SETTLE', id: generation.generationId, time, generation: json }, generation };
}

/** The end of a generation. What nobody counted of an answer that came is charged as it was reserved; a call that brought nothing is not. */
export function settled({ generationId, client, model, labels, embedding, bound }: ReserveRequest, settlement: Settlement, time: number): Settled {
  const { usage, cost, statusReason, timeToFirstTokenMs } = settlement;
  const brought = statusReason === '' || timeToFirstTokenMs !== undefined;
  const generation: Generation = {
    generationId,
    client,
    model,
    labels: { ...labels },
    embedding,
    startTime: settlement.startTime,
    duration: toDuration(settlement.durationMs),
    timeToFirstToken: timeToFirstTokenMs === undefined ? undefined : toDuration(timeToFirstTokenMs),
    finishReason: settlement.finishReason,
    statusReason,
    usage,
    usageSource: settlement.usageSource,
    cost,
    attempts: [...settlement.attempts],
    settleTime: undefined,
    provider: settlement.provider,
    responseModel: settlement.responseModel,
  };
  return settleRecord(generation, time, { tokens: tokensOf(usage) ?? (brought ? bound.tokens : 0n), picoUsd: knownCost(cost) ?? (brought ? (bound.picoUsd ?? 0n) : 0n) });
}

/** What a crash cut short, as far as the journal knows. */
export interface Crash {
  readonly provider: string;
  readonly model: string;
  /** When that provider was called, in milliseconds since 1970. */
  readonly time: number;
}

/** Says what a generation cost of which only this is known. `checkpoint` is the least that came; `bound` the most. */
export type CrashCost = (attempt: Crash, checkpoint: { readonly outputTokens: number }, bound: UpperBound) => Cost | Promise<Cost>;

/** The end of a generation that a crash cut short: estimated, and marked as that. */
export async function crashed(open: OpenReservation, crashCost: CrashCost, time: number): Promise<JournalRecord> {
  const last = open.attempts.at(-1) ?? { provider: '', model: '', time: open.time };
  const bound = readBound(open.request);
  const cost = await crashCost(last, { outputTokens: open.outputTokens }, bound);
  const usage: TokenUsage = { inputTokens: bound.inputTokens, outputTokens: BigInt(open.outputTokens) };
  const generation: Generation = {
    generationId: open.id,
    client: open.client,
    model: textOf(open.request['model']),
    labels: textsOf(open.request['labels']),
    embedding: open.request['embedding'] === true,
    startTime: new Date(open.time),
    duration: undefined,
    timeToFirstToken: undefined,
    finishReason: FinishReason.UNSPECIFIED,
    statusReason: 'INTERNAL',
    usage,
    usageSource: UsageSource.CRASH_ESTIMATED,
    cost,
    attempts: open.attempts.map(({ provider, model, time: startMs }, at) => ({
      attempt: at + 1,
      provider,
      model,
      keyLabel: '',
      outcome: Attempt_Outcome.FAILED,
      reason: 'INTERNAL',
      message: 'the daemon ended while this ran',
      httpStatus: 0,
      startTime: new Date(startMs),
      duration: undefined,
      usage: undefined,
      cost: undefined,
    })),
    settleTime: undefined,
    provider: last.provider,
    responseModel: last.model,
  };
  const tokens = bound.inputTokens === undefined ? bound.tokens : bound.inputTokens + BigInt(open.outputTokens);
  return settleRecord(generation, time, { tokens, picoUsd: knownCost(cost) ?? bound.picoUsd ?? 0n }).record;
}
