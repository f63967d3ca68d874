import type { ServerWritableStream } from '@grpc/grpc-js';
import { Attempt_Outcome, FinishReason, type Attempt } from '../../gen/tollgate/v1/content.ts';
import type { EmbedRequest, EmbedResponse, GenerateRequest, GenerateResponse, ListModelsRequest, ListModelsResponse, RoutingOptions } from '../../gen/tollgate/v1/generate_service.ts';
import type { Caller } from '../access/caller.ts';
import { notGranted } from '../access/grants.ts';
import type { Config } from '../config/config.ts';
import { Failure } from '../failure.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { ModelLists } from '../plugins/model-lists.ts';
import type { Registry } from '../plugins/registry.ts';
import type { AttemptLimits } from '../routing/attempt-clock.ts';
import { Generation } from '../routing/generation.ts';
import { planRoute, type Route, type RouteRequest } from '../routing/plan-route.ts';
import { readinessOf } from '../routing/readiness.ts';
import type { Admission } from './admission.ts';
import { checkGenerateRequest } from './check-generate-request.ts';
import { durationMs } from '../../duration.ts';
import { embed } from './embed.ts';
import { EventWriter } from './event-writer.ts';
import { collectModels } from './list-models.ts';
import type { CallScope, Decoded } from './serve.ts';

/** How long a generation may take when its caller sets no deadline. */
export const GENERATE_MS = 10 * 60_000;

export interface GenerateServiceParts {
  /** The snapshot in force. */
  readonly config: () => Config;
  readonly registry: () => Registry;
  readonly secrets: KeyRing;
  readonly admission: Admission;
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
export function generateService({ config, registry, secrets, admission }: GenerateServiceParts) {
  const lists = new ModelLists();
  const judge: KeyRing['judge'] = (instance, key, verdict) => secrets.judge(instance, key, verdict);
  const plan = (request: RouteRequest, snapshot: Config, caller: Caller): Promise<Route> =>
    planRoute(request, { config: snapshot, registry: registry(), caller, readiness: (instance) => readinessOf(instance, secrets) });

  const generate = async (request: GenerateRequest, scope: CallScope, call: ServerWritableStream<Decoded<GenerateRequest>, GenerateResponse>): Promise<void> => {
    const { caller, signal, log } = scope;
    const startMs = performance.now();
    const spent = (): number => Math.round(performance.now() - startMs);
    checkGenerateRequest(request);
    const snapshot = config();
    const { fallbackModels = [], allowFallback, localOnly = false } = request.routing ?? {};
    const route = await plan({ model: request.model, fallbackModels, allowFallback, localOnly }, snapshot, caller);
    const leave = await admission.enter(caller.client, signal);
    const writer = new EventWriter(call, signal, (failure) => scope.abort(failure));
    const generation = new Generation({ request, route, limits: limitsOf(snapshot, request.routing), maxAttempts: snapshot.routing.maxAttempts, judge, signal, emit: (event) => writer.emit(event) });
    try {
      const { attempts, usage, finish } = await generation.run();
      await writer.drained();
      signal.throwIfAborted();
      const [input, output] = [usage?.inputTokens, usage?.outputTokens].map((tokens) => (tokens === undefined ? undefined : Number(tokens)));
      log.info({ rpc: 'Generate', client: caller.client, generation: generation.id, model: request.model, attempts: steps(attempts), finish: FINISH_WORDS.get(finish.finishReason), input_tokens: input, output_tokens: output, ms: spent() }, 'generated');
    } catch (error) {
      const reason = error instanceof Failure ? error.reason : 'INTERNAL';
      log.warn({ rpc: 'Generate', client: caller.client, generation: generation.id, model: request.model, attempts: steps(generation.record().attempts), reason, ms: spent() }, 'generation failed');
      throw error;
    } finally {
      writer.close();
      leave();
    }
  };

  const listModels = async (request: ListModelsRequest, { caller, signal }: CallScope): Promise<ListModelsResponse> => {
    const instances = [...registry().instances.values()].filter(({ enabled, name }) => enabled && (request.provider === '' || name === request.provider));
    if (request.provider !== '' && instances.length === 0) throw new Failure('PROVIDER_NOT_FOUND', `there is no provider "${request.provider}"`, { metadata: { provider: request.provider } });
    return collectModels(request, instances, secrets, lists, (provider, model) => notGranted(caller, provider, model) === undefined, signal);
  };

  const embedTexts = (request: EmbedRequest, scope: CallScope): Promise<EmbedResponse> => {
    const snapshot = config();
    const planEmbed = async (model: string) => ({ route: await plan({ model, fallbackModels: [], allowFallback: false, localOnly: false }, snapshot, scope.caller), maxAttempts: snapshot.routing.maxAttempts, judge });
    return embed(request, planEmbed, scope);
  };

  return { generate, listModels, embed: embedTexts };
}
