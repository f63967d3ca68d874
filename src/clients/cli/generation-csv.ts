import { Cost_Provenance, FinishReason } from '../../gen/tollgate/v1/content.ts';
import { type Generation, UsageSource } from '../../gen/tollgate/v1/usage_service.ts';
import { durationMs } from '../../duration.ts';
import { enumName } from './enum-name.ts';

type Cell = string | number | bigint | boolean | Date | undefined;

const COLUMNS: Readonly<Record<string, (generation: Generation) => Cell>> = {
  generation_id: ({ generationId }) => generationId,
  client: ({ client }) => client,
  model: ({ model }) => model,
  provider: ({ provider }) => provider,
  response_model: ({ responseModel }) => responseModel,
  embedding: ({ embedding }) => embedding,
  start_time: ({ startTime }) => startTime,
  settle_time: ({ settleTime }) => settleTime,
  duration_ms: ({ duration }) => duration && durationMs(duration),
  time_to_first_token_ms: ({ timeToFirstToken }) => timeToFirstToken && durationMs(timeToFirstToken),
  finish_reason: ({ finishReason }) => (finishReason === FinishReason.UNSPECIFIED ? '' : enumName(FinishReason, finishReason)),
  status_reason: ({ statusReason }) => statusReason,
  attempts: ({ attempts }) => attempts.length,
  input_tokens: ({ usage }) => usage?.inputTokens,
  output_tokens: ({ usage }) => usage?.outputTokens,
  cache_read_input_tokens: ({ usage }) => usage?.cacheReadInputTokens,
  cache_creation_input_tokens: ({ usage }) => usage?.cacheCreationInputTokens,
  cache_creation_1h_input_tokens: ({ usage }) => usage?.cacheCreation1hInputTokens,
  reasoning_output_tokens: ({ usage }) => usage?.reasoningOutputTokens,
  audio_input_tokens: ({ usage }) => usage?.audioInputTokens,
  audio_output_tokens: ({ usage }) => usage?.audioOutputTokens,
  image_output_tokens: ({ usage }) => usage?.imageOutputTokens,
  web_search_requests: ({ usage }) => usage?.webSearchRequests,
  usage_source: ({ usageSource }) => (usageSource === UsageSource.UNSPECIFIED ? '' : enumName(UsageSource, usageSource)),
  cost_pico_usd: ({ cost }) => cost?.expectedPicoUsd,
  cost_low_pico_usd: ({ cost }) => cost?.lowPicoUsd,
  cost_high_pico_usd: ({ cost }) => cost?.highPicoUsd,
  cost_provenance: ({ cost }) => (cost === undefined || cost.provenance === Cost_Provenance.UNSPECIFIED ? '' : enumName(Cost_Provenance, cost.provenance)),
  price_version: ({ cost }) => cost?.priceVersion,
  labels: ({ labels }) => (Object.keys(labels).length === 0 ? '' : JSON.stringify(labels)),
};

/** What a spreadsheet would run as a formula. Ids like `@cf/meta/llama` begin alike and can do nothing. */
const FORMULA = /^(?:[=\t\r]|[+\-@](?![\w./:@-]*$))/;

/** A text as a field of RFC 4180. One that a spreadsheet would run gets an apostrophe before it. */
export function csvField(text: string): string {
  const inert = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]|^\s|\s$/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

function cellText(cell: Cell): string {
  if (cell === undefined) return '';
  return cell instanceof Date ? cell.toISOString() : String(cell);
}

const row = (fields: readonly string[]): string => `${fields.map(csvField).join(',')}\r\n`;

/** The names of the columns. What is not known is an empty field in each row. */
export const csvHead = (): string => row(Object.keys(COLUMNS));

export const csvRow = (generation: Generation): string => row(Object.values(COLUMNS).map((cellOf) => cellText(cellOf(generation))));
