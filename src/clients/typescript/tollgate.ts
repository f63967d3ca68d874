import {
  AccessServiceService, CreateTokenRequest, type CreateTokenResponse, type DeepPartial as PartialToken, type RevokeTokenResponse, type Token, type WhoAmIResponse,
} from '../../gen/tollgate/v1/access_service.ts';
import {
  type DeepPartial, EmbedRequest, type EmbedResponse, GenerateRequest, GenerateServiceService, type GenerateResponse, ListModelsRequest,
  type ListModelsResponse, type Model, PlanRouteRequest, type PlanRouteResponse, ResumeGenerationRequest, type UnlistedProvider,
} from '../../gen/tollgate/v1/generate_service.ts';
import { type CallOptions, serverStream, unary } from './call.ts';
import { type ConfigClient, createConfigClient } from './config-client.ts';
import type { Connection } from './connection.ts';
import { createGeneration, type Generation } from './generation.ts';
import { healthCheck } from './health.ts';
import { createKeysClient, type KeysClient } from './keys-client.ts';
import { createUsageClient, type UsageClient } from './usage-client.ts';

/** What to ask: the proto's GenerateRequest, of which only `messages` is needed. */
export type GenerateInput = DeepPartial<GenerateRequest>;

/** What to turn into vectors: the proto's EmbedRequest. */
export type EmbedInput = DeepPartial<EmbedRequest>;

/** Which models to list. */
export interface ModelFilter {
  /** Only this provider instance. Unset is all. */
  readonly provider?: string | undefined;
  /** Only models whose id holds these words, in any case. Unset is all. */
  readonly filter?: string | undefined;
}

/** How to go on with a generation. */
export interface ResumeOptions extends CallOptions {
  /** The `seq` of the last event that was received: what comes behind it is sent. Unset is from the first event. */
  readonly afterSeq?: bigint | undefined;
}

/** A Tollgate daemon, as its clients see it. Every method rejects with a TollgateError. */
export interface Tollgate extends Disposable {
  /** Where the daemon answers: `unix:/path` or `host:port`. */
  readonly address: string;
  /** Asks a model. Nothing is sent before the Generation is used. */
  generate(request: GenerateInput, options?: CallOptions): Generation;
  /**
   * Goes on with a generation whose stream broke, by the `generationId` of its `attemptStarted`. With `afterSeq`, `text()` and `message()` hold
   * only what comes behind it. Rejects with RESUME_EXPIRED when those events are no longer held, and with GENERATION_NOT_FOUND.
   */
  resume(generationId: string, options?: ResumeOptions): Generation;
  /** Turns texts into vectors. `model` and `inputs` are needed. */
  embed(request: EmbedInput, options?: CallOptions): Promise<EmbedResponse>;
  /** Whom `generate` would ask while none answers, in order, and who would be passed over and why. Asks nobody. `messages` may be left out. */
  planRoute(request: GenerateInput, options?: CallOptions): Promise<PlanRouteResponse>;
  /** All pages of models as one, with the providers that could not be asked. */
  listModels(filter?: ModelFilter, options?: CallOptions): Promise<Pick<ListModelsResponse, 'models' | 'unlistedProviders'>>;
  /** Whom this client's token stands for. */
  whoAmI(options?: CallOptions): Promise<WhoAmIResponse>;
  /** Makes a token for an app. Needs the scope `admin`. */
  createToken(request: PartialToken<CreateTokenRequest>, options?: CallOptions): Promise<CreateTokenResponse>;
  /** All tokens that were made here and have not expired, the newest first. Needs the scope `admin`. */
  listTokens(options?: CallOptions): Promise<Token[]>;
  /** Ends a token before its time. Needs the scope `admin`. */
  revokeToken(id: string, options?: CallOptions): Promise<RevokeTokenResponse>;
  /** The providers' keys. */
  readonly keys: KeysClient;
  /** The config file. */
  readonly config: ConfigClient;
  /** What was used and what it cost. */
  readonly usage: UsageClient;
  /** Whether the daemon takes calls: false while it stops. Needs no token. */
  ready(options?: CallOptions): Promise<boolean>;
  /** Ends the connection. Generations that run are cut. */
  close(): void;
}

export function createTollgate(connection: Connection): Tollgate {
  async function listModels(filter: ModelFilter = {}, options: CallOptions = {}): ReturnType<Tollgate['listModels']> {
    const request = ListModelsRequest.fromPartial({ provider: filter.provider ?? '', filter: filter.filter ?? '', pageSize: 1000 });
    const models: Model[] = [];
    const unlisted = new Map<string, UnlistedProvider>();
    do {
      const page = await unary(connection, GenerateServiceService.listModels, request, options);
      models.push(...page.models);
      for (const provider of page.unlistedProviders) unlisted.set(provider.provider, provider);
      request.pageToken = page.nextPageToken;
    } while (request.pageToken !== '');
    return { models, unlistedProviders: [...unlisted.values()] };
  }

  async function* resumed(request: ResumeGenerationRequest, options: CallOptions): AsyncGenerator<GenerateResponse, void> {
    for await (const { response } of serverStream(connection, GenerateServiceService.resumeGeneration, request, options)) {
      if (response !== undefined) yield response;
    }
  }

  async function listTokens(options: CallOptions = {}): Promise<Token[]> {
    const tokens: Token[] = [];
    let pageToken = '';
    do {
      const page = await unary(connection, AccessServiceService.listTokens, { pageSize: 1000, pageToken }, options);
      tokens.push(...page.tokens);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return tokens;
  }

  return {
    get address() {
      return connection.address;
    },
    generate(request, options = {}) {
      const whole = GenerateRequest.fromPartial(request);
      return createGeneration(
        (signal) => serverStream(connection, GenerateServiceService.generate, whole, { ...options, signal }),
        options.signal,
      );
    },
    resume(generationId, { afterSeq, ...options } = {}) {
      return createGeneration((signal) => resumed(ResumeGenerationRequest.fromPartial({ generationId, afterSeq }), { ...options, signal }), options.signal);
    },
    embed: (request, options) => unary(connection, GenerateServiceService.embed, EmbedRequest.fromPartial(request), options),
    planRoute: (request, options) => unary(connection, GenerateServiceService.planRoute, PlanRouteRequest.fromPartial({ request }), options),
    listModels,
    whoAmI: (options) => unary(connection, AccessServiceService.whoAmI, {}, options),
    createToken: (request, options) => unary(connection, AccessServiceService.createToken, CreateTokenRequest.fromPartial(request), options),
    listTokens,
    revokeToken: (id, options) => unary(connection, AccessServiceService.revokeToken, { id }, options),
    keys: createKeysClient(connection),
    config: createConfigClient(connection),
    usage: createUsageClient(connection),
    ready: (options) => unary(connection, healthCheck, null, options),
    close: () => connection.close(),
    [Symbol.dispose]: () => connection.close(),
  };
}
