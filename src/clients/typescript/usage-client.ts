import {
  type DeepPartial, ExportUsageRequest, Generation, type GetPriceListResponse, type GetPriceResponse, type GetQuotaResponse, type GetSummaryResponse, type ImportUsageResponse, ListGenerationsRequest,
  QueryUsageRequest, type QueryUsageResponse, type ResetPriceListResponse, UpdatePriceListRequest, type UpdatePriceListResponse, type UsageFilter, UsageServiceService,
  WatchUsageRequest,
} from '../../gen/tollgate/v1/usage_service.ts';
import { type CallOptions, clientStream, serverStream, type StreamOptions, unary } from './call.ts';
import type { Connection } from './connection.ts';
import { TollgateError } from './tollgate-error.ts';

/** Which generations count: the proto's UsageFilter. What is not set does not choose. */
export type UsageChoice = DeepPartial<UsageFilter>;

/**
 * What was used and what it cost. With the scope `usage:read` a client sees its own; with `usage:admin` everybody's. Amounts of money are
 * pico-USD: 10^12 are one US dollar.
 */
export interface UsageClient {
  /** Today, this month, and where this month is heading. Days begin as the IANA time zone says; unset is the daemon's. */
  summary(timeZone?: string, options?: CallOptions): Promise<GetSummaryResponse>;
  /** Sums by any of "day", "hour", "provider", "model", "client", "label:<name>". Unset is one sum of the last 30 days. */
  query(request?: DeepPartial<QueryUsageRequest>, options?: CallOptions): Promise<QueryUsageResponse>;
  /** Settled generations, the newest first. Reads page after page as they are asked for. */
  list(choice?: UsageChoice, options?: CallOptions): AsyncGenerator<Generation, void>;
  /** One settled generation. Rejects with GENERATION_NOT_FOUND when there is none that this client may see. */
  get(generationId: string, options?: CallOptions): Promise<Generation>;
  /** Generations as they are settled, until the loop or `options.signal` ends it. `options.onReady` is called once none is missed any more. */
  watch(choice?: UsageChoice, options?: StreamOptions): AsyncGenerator<Generation, void>;
  /** Settled generations, the oldest first. */
  export(choice?: UsageChoice, options?: CallOptions): AsyncGenerator<Generation, void>;
  /** Takes in what another daemon exported. Generations that are known already are counted as duplicates. Needs the scope `usage:admin`. */
  import(generations: Iterable<DeepPartial<Generation>> | AsyncIterable<DeepPartial<Generation>>, options?: CallOptions): Promise<ImportUsageResponse>;
  /** Forgets what was settled before a time; says how many generations. Needs the scope `usage:admin`. */
  clear(before: Date, options?: CallOptions): Promise<bigint>;
  /** What a client's tier allows and what is left of it. Unset is oneself; others need `usage:admin`. */
  quota(client?: string, options?: CallOptions): Promise<GetQuotaResponse>;
  /** What a model costs; as in `generate`. */
  price(model: string, options?: CallOptions): Promise<GetPriceResponse>;
  /** Which price list is in force. */
  priceList(options?: CallOptions): Promise<GetPriceListResponse>;
  /** Takes another price list: `{ fetch: true }` lets the daemon fetch it, else `data` is it. In use when this resolves. Needs the scope `admin`. */
  updatePriceList(request: DeepPartial<UpdatePriceListRequest>, options?: CallOptions): Promise<UpdatePriceListResponse>;
  /** Goes back to the price list that ships. Needs the scope `admin`. */
  resetPriceList(options?: CallOptions): Promise<ResetPriceListResponse>;
}

function needed(generation: Generation | undefined): Generation {
  if (generation !== undefined) return generation;
  throw new TollgateError({ reason: 'RESPONSE_INVALID', code: 'INTERNAL', message: 'The daemon answered without the generation.' });
}

async function* generationsOf(responses: AsyncIterable<{ generation: Generation | undefined }>): AsyncGenerator<Generation, void> {
  for await (const { generation } of responses) yield needed(generation);
}

export function createUsageClient(connection: Connection): UsageClient {
  async function* list(choice: UsageChoice = {}, options: CallOptions = {}): AsyncGenerator<Generation, void> {
    const request = ListGenerationsRequest.fromPartial({ filter: choice });
    do {
      const page = await unary(connection, UsageServiceService.listGenerations, request, options);
      yield* page.generations;
      request.pageToken = page.nextPageToken;
    } while (request.pageToken !== '');
  }

  async function* requests(generations: Iterable<DeepPartial<Generation>> | AsyncIterable<DeepPartial<Generation>>): AsyncGenerator<{ generation: Generation }, void> {
    for await (const generation of generations) yield { generation: Generation.fromPartial(generation) };
  }

  return {
    summary: (timeZone = '', options = {}) => unary(connection, UsageServiceService.getSummary, { timeZone }, options),
    query: (request = {}, options = {}) => unary(connection, UsageServiceService.queryUsage, QueryUsageRequest.fromPartial(request), options),
    list,
    get: async (generationId, options) => needed((await unary(connection, UsageServiceService.getGeneration, { generationId }, options)).generation),
    watch: (choice = {}, options = {}) => generationsOf(serverStream(connection, UsageServiceService.watchUsage, WatchUsageRequest.fromPartial({ filter: choice }), options)),
    export: (choice = {}, options = {}) => generationsOf(serverStream(connection, UsageServiceService.exportUsage, ExportUsageRequest.fromPartial({ filter: choice }), options)),
    import: (generations, options) => clientStream(connection, UsageServiceService.importUsage, requests(generations), options),
    clear: async (before, options) => (await unary(connection, UsageServiceService.clearUsage, { before }, options)).clearedCount,
    quota: (client = '', options = {}) => unary(connection, UsageServiceService.getQuota, { client }, options),
    price: (model, options) => unary(connection, UsageServiceService.getPrice, { model }, options),
    priceList: (options) => unary(connection, UsageServiceService.getPriceList, {}, options),
    updatePriceList: (request, options) => unary(connection, UsageServiceService.updatePriceList, UpdatePriceListRequest.fromPartial(request), options),
    resetPriceList: (options) => unary(connection, UsageServiceService.resetPriceList, {}, options),
  };
}
