import { randomUUID } from 'node:crypto';
import type { EmbedResponse as ProviderEmbedResponse } from '../../gen/tollgate/provider/v1/provider_service.ts';
import { Attempt_Outcome, FinishReason, type Attempt, type Cost } from '../../gen/tollgate/v1/content.ts';
import type { EmbedRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { toDuration } from '../../duration.ts';
import { clip } from '../../plugins/kit/clip.ts';
import { redact } from '../../plugins/kit/redact.ts';
import { ProviderError } from '../../plugins/provider.ts';
import { Failure, type Reason } from '../failure.ts';
import type { ProviderKey, Secrets } from '../keys/secrets.ts';
import type { GenerationAccount } from '../usage/generation-account.ts';
import { isOfTheKey, isSameCandidate } from './follow-up.ts';
import { noProviderReady } from './no-provider-ready.ts';
import type { Route } from './plan-route.ts';
import { providerFailure } from './provider-failure.ts';
import type { Candidate } from './resolve-model.ts';

const MAX_MODEL_BYTES = 256;

export interface EmbedInput {
  readonly request: EmbedRequest;
  readonly route: Route;
  readonly maxAttempts: number;
  /** Takes what the provider said of a key by answering, or by refusing it. */
  readonly judge: Secrets['judge'];
  readonly signal: AbortSignal;
  /** Opens the books of this call. */
  readonly account: (generationId: string) => Promise<GenerationAccount>;
}

export interface Embedded {
  readonly response: ProviderEmbedResponse;
  readonly provider: string;
  readonly model: string;
  readonly cost: Cost;
}

type Answered = Omit<Embedded, 'cost'>;

/** One call, in the books and in the record. */
async function attempt(candidate: Candidate, key: ProviderKey | undefined, input: EmbedInput, account: GenerationAccount, attempts: Attempt[]): Promise<Answered | Failure> {
  const books = await account.begin(candidate);
  const startMs = performance.now();
  const entry: Attempt = {
    attempt: attempts.length + 1,
    provider: candidate.instance.name,
    model: candidate.model,
    keyLabel: key?.label ?? '',
    outcome: Attempt_Outcome.SUCCEEDED,
    reason: '',
    message: '',
    httpStatus: 0,
    startTime: new Date(),
    duration: undefined,
    usage: undefined,
    cost: undefined,
  };
  attempts.push(entry);
  const outcome = await embedWith(candidate, key, input);
  entry.duration = toDuration(performance.now() - startMs);
  if (outcome instanceof Failure) {
    const httpStatus = Number(outcome.metadata['http_status'] ?? 0);
    const isOver = outcome.reason === 'CANCELLED' || outcome.reason === 'DEADLINE';
    const wasTaken = isOver || outcome.reason === 'RESPONSE_INVALID' || outcome.reason === 'RESPONSE_TRUNCATED';
    Object.assign(entry, { outcome: isOver ? Attempt_Outcome.CANCELLED : Attempt_Outcome.FAILED, reason: outcome.reason, message: outcome.message, httpStatus, cost: books.end({ usage: undefined, isWhole: false, wasTaken }) });
  } else {
    const { usage, responseModel, reportedCostPicoUsd: reportedPicoUsd } = outcome.response;
    Object.assign(entry, { usage, cost: books.end({ usage, reportedPicoUsd, responseModel, isWhole: true, wasTaken: true }) });
  }
  return outcome;
}

/**
 * Asks the first provider of a route that is ready, with one of its keys after the other. There is no second provider: vectors of
 * another model cannot stand beside these. Throws a Failure.
 */
export async function runEmbed(input: EmbedInput): Promise<Embedded> {
  const { route, judge, maxAttempts } = input;
  const ready = route.attempts.flatMap((planned) => (planned.skip === undefined ? [planned] : []));
  const [first] = ready;
  if (first === undefined) throw route.attempts[0]?.skip ?? noProviderReady(route);
  const { name, provider } = first.instance;
  if (provider.embed === undefined) throw new Failure('NOT_SUPPORTED', `${provider.manifest.displayName} makes no embeddings`, { metadata: { provider: name, model: first.model } });
  const account = await input.account(`emb_${randomUUID()}`);
  const attempts: Attempt[] = [];
  const [startTime, startMs] = [new Date(), performance.now()];
  const settle = (statusReason: Reason | '', responseModel = ''): Promise<void> =>
    account.settle({ finishReason: FinishReason.UNSPECIFIED, statusReason, startTime, durationMs: performance.now() - startMs, timeToFirstTokenMs: undefined, attempts, responseModel });
  let failure = noProviderReady(route);
  for (const { key } of ready.filter((planned) => isSameCandidate(planned, first)).slice(0, maxAttempts)) {
    const outcome = await attempt(first, key, input, account, attempts).catch((error: unknown) => (error instanceof Failure ? error : new Failure('INTERNAL', 'something unforeseen happened in an attempt', { cause: error })));
    if (!(outcome instanceof Failure)) {
      if (key !== undefined) judge(name, key, 'good');
      await settle('', outcome.response.responseModel);
      return { ...outcome, cost: account.cost };
    }
    if (key !== undefined && outcome.reason === 'KEY_REJECTED') judge(name, key, 'refused');
    failure = outcome;
    if (!isOfTheKey(outcome)) break;
  }
  await settle(failure.reason);
  throw failure;
}

async function embedWith(candidate: Candidate, key: ProviderKey | undefined, { request, signal }: EmbedInput): Promise<Answered | Failure> {
  const { instance, model } = candidate;
  const { manifest } = instance.provider;
  if (instance.provider.embed === undefined) return new Failure('NOT_SUPPORTED', `${manifest.displayName} makes no embeddings`, { metadata: { provider: instance.name, model } });
  const options = request.providerOptionsJson[manifest.type];
  const secret = key?.secret.reveal() ?? '';
  try {
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
      return new Failure('RESPONSE_INVALID', `${instance.name} sent ${response.vectors.length} vectors for ${request.inputs.length} texts`, { metadata: { provider: instance.name, model, retryable: 'true' } });
    }
    // A provider may put the key that it was sent into any word of its answer.
    return { response: { ...response, responseModel: clip(redact(response.responseModel, secret), MAX_MODEL_BYTES) }, provider: instance.name, model };
  } catch (error) {
    if (signal.aborted && signal.reason instanceof Failure) return signal.reason;
    if (error instanceof ProviderError) return providerFailure(error, candidate);
    return new Failure('INTERNAL', 'the plugin failed unexpectedly; see the log of the daemon', { metadata: { provider: instance.name }, cause: error });
  }
}
