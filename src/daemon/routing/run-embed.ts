import { randomUUID } from 'node:crypto';
import type { EmbedResponse as ProviderEmbedResponse } from '../../gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason, type Cost } from '../../gen/tollgate/v1/content.ts';
import type { EmbedRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { clip } from '../../plugins/kit/clip.ts';
import { redact } from '../../plugins/kit/redact.ts';
import { ProviderError } from '../../plugins/provider.ts';
import { sleep } from '../clock.ts';
import { Failure, type Reason } from '../failure.ts';
import type { Secrets } from '../keys/secrets.ts';
import type { AttemptAccount, GenerationAccount } from '../usage/generation-account.ts';
import { AttemptLog } from './attempt-log.ts';
import type { FitAttempt } from './choose-attempt.ts';
import type { Route } from './plan-route.ts';
import { providerFailure } from './provider-failure.ts';
import { RouteWalk } from './route-walk.ts';
import type { Traffic } from './traffic.ts';
import { wholeFailure } from './whole-failure.ts';

const MAX_MODEL_BYTES = 256;

export interface EmbedInput {
  readonly request: EmbedRequest;
  /** One provider and model, with its keys: vectors of another model cannot stand beside these. */
  readonly route: Route;
  readonly maxAttempts: number;
  /** Whether a provider that failed may be asked again. */
  readonly retries: boolean;
  /** When the call's time is over, on the clock that never goes back. */
  readonly deadlineMs: number;
  readonly traffic: Traffic;
  /** Takes what the provider said of a key by answering, or by refusing it. */
  readonly judge: Secrets['judge'];
  readonly signal: AbortSignal;
  /** Opens the books of this call; undefined where nobody can be called. */
  readonly account: (generationId: string) => Promise<GenerationAccount | undefined>;
}

export interface Embedded {
  readonly response: ProviderEmbedResponse;
  readonly provider: string;
  readonly model: string;
  readonly cost: Cost | undefined;
}

/** Reasons of which nobody knows whether the provider worked for them. */
const MAY_HAVE_WORKED: ReadonlySet<Reason> = new Set(['CANCELLED', 'DEADLINE', 'RESPONSE_INVALID', 'RESPONSE_TRUNCATED']);

/** One call, in the books and in the record. */
async function attempt(planned: FitAttempt, { judge, request, signal }: EmbedInput, account: GenerationAccount | undefined, log: AttemptLog): Promise<ProviderEmbedResponse | Failure> {
  const { key, instance } = planned;
  const open = log.begin(planned, key?.label ?? '');
  const { entry } = open;
  let books: AttemptAccount | undefined;
  try {
    books = await account?.begin(planned);
    const response = await embedWith(planned, request, signal);
    open.succeeded(response.usage);
    entry.cost = books?.end({ usage: response.usage, reportedPicoUsd: response.reportedCostPicoUsd, responseModel: response.responseModel, isWhole: true, wasTaken: true });
    if (key !== undefined) judge(instance.name, key, 'good');
    return response;
  } catch (error) {
    const failure = error instanceof Failure ? error : new Failure('INTERNAL', 'something unforeseen happened in an attempt', { cause: error });
    if (key !== undefined && failure.reason === 'KEY_REJECTED') judge(instance.name, key, 'refused');
    open.failed(failure);
    entry.cost = books?.end({ usage: entry.usage, isWhole: false, wasTaken: MAY_HAVE_WORKED.has(failure.reason) || entry.httpStatus === 200 });
    return failure;
  }
}

/** Goes through the keys of one provider until it answers, as Generate does. Throws a Failure. */
export async function runEmbed(input: EmbedInput): Promise<Embedded> {
  const { route, maxAttempts, retries, deadlineMs, traffic, signal } = input;
  const log = new AttemptLog();
  const walk = new RouteWalk({ route, maxAttempts, retries, deadlineMs, signal, traffic, waitForCooldown: false, onSkip: (planned, why) => log.skip(planned, why) });
  const generationId = `emb_${randomUUID()}`;
  const account = await input.account(generationId);
  const [startTime, startMs] = [new Date(), performance.now()];
  const settle = async (statusReason: Reason | '', responseModel = ''): Promise<void> =>
    account?.settle({ finishReason: FinishReason.UNSPECIFIED, statusReason, startTime, durationMs: performance.now() - startMs, timeToFirstTokenMs: undefined, attempts: log.entries, responseModel });
  try {
    let step = await walk.first();
    while (step !== undefined) {
      const { at, planned } = step;
      const outcome = await attempt(planned, input, account, log);
      if (!(outcome instanceof Failure)) {
        walk.succeeded(at);
        await settle('', outcome.responseModel);
        return { response: outcome, provider: planned.instance.name, model: planned.model, cost: account?.cost };
      }
      step = await walk.after(at, outcome, 'all');
      if (step !== undefined && step.waitMs > 0) await sleep(step.waitMs, signal, traffic.clock);
    }
    throw wholeFailure(route, log, walk.failures);
  } catch (error) {
    await settle(error instanceof Failure ? error.reason : 'INTERNAL');
    if (!(error instanceof Failure) || log.entries.length === 0) throw error;
    throw error.withGeneration({ generationId, attempts: log.entries, usage: log.usage, cost: account?.cost, partial: false });
  } finally {
    walk.close();
  }
}

async function embedWith({ instance, model, key }: FitAttempt, request: EmbedRequest, signal: AbortSignal): Promise<ProviderEmbedResponse> {
  const { manifest } = instance.provider;
  const options = request.providerOptionsJson[manifest.type];
  const secret = key?.secret.reveal() ?? '';
  try {
    if (instance.provider.embed === undefined) throw new Error('a provider that makes no embeddings is passed over');
    const response = await instance.provider.embed(
      {
        instance: instance.instance,
        key: secret,
        model,
        inputs: request.inputs,
        dimensions: request.dimensions,
        providerOptionsJson: options === undefined ? {} : { [manifest.type]: options },
      },
      { signal },
    );
    if (response.vectors.length !== request.inputs.length) {
      throw new Failure('RESPONSE_INVALID', `${instance.name} sent ${response.vectors.length} vectors for ${request.inputs.length} texts`, { metadata: { provider: instance.name, model, retryable: 'true' } });
    }
    // A provider may put the key that it was sent into any word of its answer.
    return { ...response, responseModel: clip(redact(response.responseModel, secret), MAX_MODEL_BYTES) };
  } catch (error) {
    if (signal.aborted && signal.reason instanceof Failure) throw signal.reason;
    if (error instanceof Failure) throw error;
    if (error instanceof ProviderError) throw providerFailure(error, { instance, model });
    throw new Failure('INTERNAL', 'the plugin failed unexpectedly; see the log of the daemon', { metadata: { provider: instance.name }, cause: error });
  }
}
