import type { Finish as ProviderFinish } from '../../gen/tollgate/provider/v1/provider_service.ts';
import type { GenerateRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { clip } from '../../plugins/kit/clip.ts';
import { redact } from '../../plugins/kit/redact.ts';
import { ProviderError, type ProviderEvent } from '../../plugins/provider.ts';
import type { Clock } from '../clock.ts';
import { Failure } from '../failure.ts';
import type { ProviderKey } from '../keys/secrets.ts';
import { AttemptClock, type AttemptLimits } from './attempt-clock.ts';
import { providerFailure } from './provider-failure.ts';
import { providerRequest } from './provider-request.ts';
import type { Candidate } from './resolve-model.ts';

export type DeltaEvent = Extract<ProviderEvent, { $case: 'textDelta' | 'reasoningDelta' | 'toolCallDelta' }>;

/** Resolves when the reader can take more; undefined when it can at once. */
export type Room = Promise<void> | undefined;

export interface AttemptInput {
  readonly candidate: Candidate;
  readonly key: ProviderKey | undefined;
  readonly request: GenerateRequest;
  readonly limits: AttemptLimits;
  readonly clock: Clock;
  /** Fires, with a Failure as its reason, when the caller went away or its time is over. */
  readonly signal: AbortSignal;
  /** Ends this attempt alone, with a Failure as its reason. */
  readonly controller: AbortController;
  onAccepted(ignoredFields: readonly string[]): Room;
  onDelta(event: DeltaEvent): Room;
}

function failureOf(error: unknown, candidate: Candidate): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ProviderError) return providerFailure(error, candidate);
  return new Failure('INTERNAL', 'the plugin failed unexpectedly; see the log of the daemon', { metadata: { provider: candidate.instance.name }, cause: error });
}

const MAX_WORD_BYTES = 256;
const word = (text: string, key: string): string => (text === '' ? text : clip(redact(text, key), MAX_WORD_BYTES));

/** A provider may put the key that it was sent into any word of its answer. Only the text is the model's own, and stays. */
const withoutKey = (finish: ProviderFinish, key: string): ProviderFinish => ({
  ...finish,
  rawFinishReason: word(finish.rawFinishReason, key),
  responseModel: word(finish.responseModel, key),
  providerRequestId: word(finish.providerRequestId, key),
});

const callWithoutKey = (event: Extract<DeltaEvent, { $case: 'toolCallDelta' }>, key: string): DeltaEvent =>
  event.value.id === '' && event.value.name === '' ? event : { $case: 'toolCallDelta', value: { ...event.value, id: redact(event.value.id, key), name: redact(event.value.name, key) } };

/** Asks one provider once. Returns its finish; throws a Failure for everything else. */
export async function runAttempt(input: AttemptInput): Promise<ProviderFinish> {
  const { candidate, signal, controller } = input;
  const { name, provider } = candidate.instance;
  const secret = input.key?.secret.reveal() ?? '';
  signal.throwIfAborted();
  const onAbort = (): void => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const clock = new AttemptClock(name, input.limits, input.clock, (failure) => controller.abort(failure));

  const waitFor = async (room: Promise<void>): Promise<void> => {
    clock.pause();
    await room;
    clock.resume();
  };

  try {
    for await (const event of provider.generate(providerRequest(input.request, candidate, input.key), { signal: controller.signal })) {
      if (event.$case === 'finish') return withoutKey(event.value, secret);
      if (event.$case === 'started') {
        clock.accepted();
        const room = input.onAccepted(event.value.ignoredFields);
        if (room !== undefined) await waitFor(room);
      } else {
        clock.content();
        const room = input.onDelta(event.$case === 'toolCallDelta' ? callWithoutKey(event, secret) : event);
        if (room !== undefined) await waitFor(room);
      }
    }
    throw new Failure('RESPONSE_TRUNCATED', `${name} ended its answer before its end`, { metadata: { provider: name, model: candidate.model, retryable: 'true' } });
  } catch (error) {
    throw failureOf(controller.signal.aborted ? controller.signal.reason : error, candidate);
  } finally {
    clock.stop();
    signal.removeEventListener('abort', onAbort);
  }
}
