import { randomUUID } from 'node:crypto';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { Attempt_Outcome, FinishReason, type Attempt } from '../../gen/tollgate/v1/content.ts';
import type { EmbedRequest, EmbedResponse, GenerateRequest, GenerateResponse, ListModelsRequest, ListModelsResponse, RoutingOptions } from '../../gen/tollgate/v1/generate_service.ts';
import type { Caller } from '../access/caller.ts';
import { notGranted } from '../access/grants.ts';
import type { Config } from '../config/config.ts';
import { Failure } from '../failure.ts';
import type { GenerationStream } from '../generations/generation-stream.ts';
import type { Generations } from '../generations/generations.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { ModelLists } from '../plugins/model-lists.ts';
import type { Registry } from '../plugins/registry.ts';
import type { AttemptLimits } from '../routing/attempt-clock.ts';
import { fits } from '../routing/choose-attempt.ts';
import { embedRoute } from '../routing/embed-route.ts';
import { Generation } from '../routing/generation.ts';
import { planRoute, type Route, type RouteRequest } from '../routing/plan-route.ts';
import { readinessOf } from '../routing/readiness.ts';
import type { GenerationAccount } from '../usage/generation-account.ts';
import type { Usage } from '../usage/open-usage.ts';
import { embedSize, generateSize, type RequestSize } from '../usage/prices/request-size.ts';
import { needsOf } from '../routing/request-needs.ts';
import { spreadRoute } from '../routing/spread-route.ts';
import type { Traffic } from '../routing/traffic.ts';
import { withinCost } from '../routing/within-cost.ts';
import { withinModels } from '../routing/within-models.ts';
import type { Admission } from './admission.ts';
import { checkGenerateRequest } from './check-generate-request.ts';
import { durationMs } from '../../duration.ts';
import { embed } from './embed.ts';
import { followGeneration } from './follow-generation.ts';
import { collectModels } from './list-models.ts';
import { resumeGeneration } from './resume-generation.ts';
import { planRouteRpc } from './plan-route.ts';
import type { CallScope, Decoded } from './serve.ts';

/** How long a generation may take when its caller sets no deadline. */
export const GENERATE_MS = 10 * 60_000;

export interface GenerateServiceParts {
  /** The snapshot in force. */
  readonly config: () => Config;
  readonly registry: () => Registry;
  readonly secrets: KeyRing;
  readonly admission: Admission;
  readonly usage: Usage;
  readonly traffic: Traffic;
  readonly generations: Generations;
}

function limitsOf({ routing }: Config, asked: RoutingOptions | undefined): AttemptLimits {
  const or = (span: Parameters<typeof durationMs>[0] | undefined, ms: number): number => (span === undefined ? ms : durationMs(span));
  return {
    connectMs: routing.connectTimeoutMs,
    firstTokenMs: or(asked?.firstTokenTimeout, routing.firstTokenTimeoutMs),
    idleMs: or(asked?.idleTimeout, routing.idleTimeoutMs),
    attemptMs: asked?.attemptTimeout === undefined ? routing.attemptTimeoutMs : durationMs(asked.attemptTimeout),
  };
}

const OUTCOME_WORDS = new Map(Object.entries(Attempt_Outcome).map(([name, value]) => [value, name]));
const FINISH_WORDS = new Map(Object.entries(FinishReason).map(([name, value]) => [value, name]));

const steps = (attempts: readonly Attempt[]): readonly string[] =>
  attempts.map(({ provider, model, outcome, reason }) => `${provider}/${model} ${OUTCOME_WORDS.get(outcome) ?? ''}${reason === '' ? '' : ` ${reason}`}`);

/** The GenerateService's handlers. */
export function generateService({ config, registry, secrets, admission, usage, traffic, generations }: GenerateServiceParts) {
  const lists = new ModelLists();
  const judge: KeyRing['judge'] = (instance, key, verdict) => secrets.judge(instance, key, verdict);
  const plan = (request: RouteRequest, snapshot: Config, caller: Caller): Promise<Route> =>
    planRoute(request, { config: snapshot, registry: registry(), caller, readiness: (instance) => readinessOf(instance, secrets) });

  const routeOf = async (request: GenerateRequest, size: RequestSize, snapshot: Config, caller: Caller): Promise<Route> => {
    const { fallbackModels = [], allowFallback, localOnly = false, maxCostPicoUsd } = request.routing ?? {};
    const planned = await plan({ model: request.model, fallbackModels, allowFallback, localOnly }, snapshot, caller);
    const isAlias = Object.hasOwn(snapshot.aliases, request.model === '' ? snapshot.defaultModel : request.model);
    const spread = spreadRoute(planned, snapshot.routing.weights, { client: caller.client, labels: request.labels }, isAlias);
    const needs = needsOf(request, size);
    if (needs === undefined && maxCostPicoUsd === undefined) return spread;
    const prices = await usage.prices();
    const route = needs === undefined ? spread : withinModels(spread, needs, { known: ({ instance, model }) => lists.known(instance, model), listedWindow: (candidate) => prices.contextWindowOf(candidate) });
    return maxCostPicoUsd === undefined ? route : withinCost(route, maxCostPicoUsd, { size, maxOutputTokens: request.maxOutputTokens }, prices);
  };

  /** Where nobody can be called there is nothing to write down. */
  const accountFor = async (generationId: string, request: GenerateRequest, size: RequestSize, route: Route, caller: Caller): Promise<{ readonly route: Route; readonly account?: GenerationAccount }> => {
    if (!route.attempts.some(fits)) return { route };
    const { model, labels, maxOutputTokens } = request;
    return usage.accountFor({ generationId, caller, model, labels, route, size, maxOutputTokens, isEmbedding: false });
  };

  /** Does a generation, whoever reads it. */
  const work = async (request: GenerateRequest, { caller, log, deadlineMs }: CallScope, stream: GenerationStream): Promise<void> => {
    const startMs = performance.now();
    const spent = (): number => Math.round(performance.now() - startMs);
    const snapshot = config();
    const size = generateSize(request);
    const planned = await routeOf(request, size, snapshot, caller);
    stream.onRead(await admission.enter(caller.client, stream.signal));
    const id = `gen_${randomUUID()}`;
    stream.id = id;
    let generation: Generation | undefined;
    try {
      const { route, account } = await accountFor(id, request, size, planned, caller);
      generation = new Generation({ id, account, request, route, limits: limitsOf(snapshot, request.routing), maxAttempts: snapshot.routing.maxAttempts, retries: snapshot.routing.retries, deadlineMs, traffic, judge, signal: stream.signal, emit: (event) => stream.emit(event) });
      const done = await generation.run();
      const [input, output] = [done.usage?.inputTokens, done.usage?.outputTokens].map((tokens) => (tokens === undefined ? undefined : Number(tokens)));
      log.info({ rpc: 'Generate', client: caller.client, generation: id, model: request.model, attempts: steps(done.attempts), finish: FINISH_WORDS.get(done.finish.finishReason), input_tokens: input, output_tokens: output, ms: spent() }, 'generated');
    } catch (error) {
      const reason = error instanceof Failure ? error.reason : 'INTERNAL';
      log.warn({ rpc: 'Generate', client: caller.client, generation: id, model: request.model, attempts: steps(generation?.record().attempts ?? []), reason, ms: spent() }, 'generation failed');
      throw error;
    }
  };

  const generate = async (request: GenerateRequest, scope: CallScope, call: ServerWritableStream<Decoded<GenerateRequest>, GenerateResponse>): Promise<void> => {
    checkGenerateRequest(request);
    scope.signal.throwIfAborted();
    const stream = generations.open(scope.caller.client, request, (opened) => work(request, scope, opened));
    await followGeneration(stream, undefined, (response, done) => call.write(response, done), scope);
  };

  const listModels = async (request: ListModelsRequest, { caller, signal }: CallScope): Promise<ListModelsResponse> => {
    const instances = [...registry().instances.values()].filter(({ enabled, name }) => enabled && (request.provider === '' || name === request.provider));
    if (request.provider !== '' && instances.length === 0) throw new Failure('PROVIDER_NOT_FOUND', `there is no provider "${request.provider}"`, { metadata: { provider: request.provider } });
    return collectModels(request, instances, secrets, lists, (provider, model) => notGranted(caller, provider, model) === undefined, signal);
  };

  const embedTexts = (request: EmbedRequest, scope: CallScope): Promise<EmbedResponse> => {
    const snapshot = config();
    const { caller } = scope;
    const planEmbed = async (model: string) => {
      const route = embedRoute(await plan({ model, fallbackModels: [], allowFallback: false, localOnly: false }, snapshot, caller));
      const account = async (generationId: string) =>
        route.attempts.some(fits) ? (await usage.accountFor({ generationId, caller, model, labels: request.labels, route, size: embedSize(request), maxOutputTokens: undefined, isEmbedding: true })).account : undefined;
      const { maxAttempts, retries } = snapshot.routing;
      return { route, maxAttempts, retries, traffic, judge, account };
    };
    return embed(request, planEmbed, scope);
  };

  return { generate, resumeGeneration: resumeGeneration(generations), listModels, embed: embedTexts, planRoute: planRouteRpc({ config, usage, traffic, routeOf }) };
}
