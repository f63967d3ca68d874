import { Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import {
  UsageRow, type ClearUsageRequest, type ClearUsageResponse, type ExportUsageRequest, type ExportUsageResponse, type Generation, type GetGenerationRequest, type GetGenerationResponse,
  type GetPriceRequest, type GetPriceResponse, type GetQuotaRequest, type GetQuotaResponse, type GetSummaryRequest, type GetSummaryResponse, type ListGenerationsRequest,
  type ListGenerationsResponse, type QueryUsageRequest, type QueryUsageResponse, type Summary, type WatchUsageRequest, type WatchUsageResponse,
} from '../../gen/tollgate/v1/usage_service.ts';
import { CLIENT_NAME } from '../access/caller.ts';
import { Failure } from '../failure.ts';
import type { PriceLists } from '../usage/prices/price-lists.ts';
import type { UsageBook } from '../usage/usage-book.ts';
import { abortAtExpiry } from './abort-at-expiry.ts';
import { checkFilter, checkSpan, checkTime } from './check-usage-request.ts';
import { fitting } from './fit-response.ts';
import { getPrice, type GetPriceParts } from './get-price.ts';
import { importGenerations } from './import-generations.ts';
import { listPage } from './list-page.ts';
import { priceListRpcs } from './price-list-rpcs.ts';
import type { CallScope, Decoded } from './serve.ts';
import { checkMaySee, visibleTo } from './usage-scope.ts';
import { Violations } from './violations.ts';
import { writeStream } from './write-stream.ts';

export interface UsageServiceParts extends GetPriceParts {
  readonly book: UsageBook;
  readonly priceLists: PriceLists;
}

/** Throws REQUEST_INVALID when `check` notes anything. */
function validate(check: (violations: Violations) => void): void {
  const violations = new Violations();
  check(violations);
  violations.throwIfAny();
}

/** A summary whose lists leave room for what else is in its response. */
const shortened = (summary: Summary): Summary => ({ ...summary, byProvider: fitting(summary.byProvider, UsageRow, 5), byModel: fitting(summary.byModel, UsageRow, 5) });

async function* wrapped(generations: AsyncIterable<Generation>): AsyncGenerator<{ generation: Generation }, void> {
  for await (const generation of generations) yield { generation };
}

/** The UsageService's handlers. `stop` ends the watches, which no caller would end. */
export function usageService(parts: UsageServiceParts) {
  const { book } = parts;
  const stopping = new AbortController();

  const getSummary = async ({ timeZone }: GetSummaryRequest, { caller }: CallScope): Promise<GetSummaryResponse> => {
    const { today, month, projectedMonth, days } = await book.summary(timeZone, visibleTo(caller));
    return { today: shortened(today), month: shortened(month), projectedMonth, days: fitting(days, UsageRow, 5) };
  };

  const queryUsage = async (request: QueryUsageRequest, { caller }: CallScope): Promise<QueryUsageResponse> => {
    const { startTime, endTime, groupBy, timeZone } = request;
    // Its times are not looked at, so they may be any.
    const filter = request.filter === undefined ? undefined : { ...request.filter, startTime: undefined, endTime: undefined };
    validate((violations) => {
      checkSpan(startTime, endTime, '', violations);
      checkFilter(filter, violations);
    });
    const { rows, truncated } = await book.query({ startTime, endTime, groupBy, filter, timeZone }, visibleTo(caller, filter));
    const fit = fitting(rows, UsageRow);
    return { rows: fit, truncated: truncated || fit.length < rows.length };
  };

  const listGenerations = (request: ListGenerationsRequest, { caller, signal }: CallScope): Promise<ListGenerationsResponse> => {
    validate((violations) => checkFilter(request.filter, violations));
    return listPage(request, book, visibleTo(caller, request.filter), signal);
  };

  const getGeneration = async ({ generationId }: GetGenerationRequest, { caller }: CallScope): Promise<GetGenerationResponse> => {
    validate((violations) => violations.check(generationId !== '' && Buffer.byteLength(generationId) <= 128, 'generation_id', 'must be 1 to 128 bytes'));
    const generation = await book.get(generationId, visibleTo(caller));
    if (generation !== undefined) return { generation };
    throw new Failure('GENERATION_NOT_FOUND', `there is no settled generation "${generationId}" that you may see`, { metadata: { generation_id: generationId } });
  };

  const watchUsage = async (request: WatchUsageRequest, scope: CallScope, call: ServerWritableStream<Decoded<WatchUsageRequest>, WatchUsageResponse>): Promise<void> => {
    const filter = request.filter === undefined ? undefined : { ...request.filter, startTime: undefined, endTime: undefined };
    validate((violations) => checkFilter(filter, violations));
    const forget = abortAtExpiry(scope);
    const signal = AbortSignal.any([scope.signal, stopping.signal]);
    const settled = wrapped(book.watch(filter, visibleTo(scope.caller, filter), signal));
    const first = settled.next();
    // From here on nothing is missed: the caller may know before the first generation comes.
    call.sendMetadata(new Metadata());
    try {
      await writeStream(call, (async function* all() {
        const { done, value } = await first;
        if (done !== true) yield value;
        yield* settled;
      })(), signal);
    } finally {
      forget();
    }
  };

  const exportUsage = (request: ExportUsageRequest, { caller, signal }: CallScope, call: ServerWritableStream<Decoded<ExportUsageRequest>, ExportUsageResponse>): Promise<void> => {
    validate((violations) => checkFilter(request.filter, violations));
    return writeStream(call, wrapped(book.export(request.filter, visibleTo(caller, request.filter), signal)), signal);
  };

  const clearUsage = async ({ before }: ClearUsageRequest, { caller, log }: CallScope): Promise<ClearUsageResponse> => {
    const violations = new Violations();
    if (!checkTime(before, 'before', violations)) violations.throwIfAny();
    const clearedCount = BigInt(await book.clear(before ?? new Date(0)));
    log.info({ rpc: 'ClearUsage', client: caller.client, before, cleared: Number(clearedCount) }, 'cleared usage');
    return { clearedCount };
  };

  const getQuota = ({ client }: GetQuotaRequest, { caller }: CallScope): GetQuotaResponse => {
    validate((violations) => violations.check(client === '' || CLIENT_NAME.test(client), 'client', 'is no name of a client'));
    checkMaySee(caller, client);
    const isOwn = client === '' || client === caller.client;
    const { tier, windows, upgrade } = book.quota(isOwn ? caller.client : client, isOwn ? caller.tier : undefined);
    return { tier, windows: [...windows], upgrade };
  };

  return {
    getSummary,
    queryUsage,
    listGenerations,
    getGeneration,
    watchUsage,
    exportUsage,
    importUsage: importGenerations(book),
    clearUsage,
    getQuota,
    getPrice: (request: GetPriceRequest): GetPriceResponse | Promise<GetPriceResponse> => getPrice(request, parts),
    ...priceListRpcs(parts.priceLists),
    stop: (): void => stopping.abort(new Failure('SHUTTING_DOWN', 'the daemon is stopping; try again in a moment')),
  };
}
