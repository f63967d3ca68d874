import { randomUUID } from 'node:crypto';
import type { Finish as ProviderFinish } from '../../gen/tollgate/provider/v1/provider_service.ts';
import { Attempt_Outcome, FinishReason, type Attempt, type TokenUsage } from '../../gen/tollgate/v1/content.ts';
import type { GenerateRequest, GenerateResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { toDuration } from '../../duration.ts';
import { ProviderError } from '../../plugins/provider.ts';
import { Failure, type GenerationRecord } from '../failure.ts';
import type { Secrets } from '../keys/secrets.ts';
import type { AttemptLimits } from './attempt-clock.ts';
import { afterCandidate, followUp } from './follow-up.ts';
import type { PlannedAttempt, Route } from './plan-route.ts';
import { isAbsent, isRetryable } from './provider-failure.ts';
import { runAttempt, type Room } from './run-attempt.ts';
import { noProviderReady } from './no-provider-ready.ts';

export type GenerateEvent = NonNullable<GenerateResponse['event']>;

export interface GenerationInput {
  readonly request: GenerateRequest;
  readonly route: Route;
  readonly limits: AttemptLimits;
  readonly maxAttempts: number;
  /** Takes what the provider said of a key by answering, or by refusing it. */
  readonly judge: Secrets['judge'];
  readonly signal: AbortSignal;
  /** Takes the next event. Returns a promise when the reader needs time. */
  readonly emit: (event: GenerateEvent) => Room;
}

/** What the log says of a generation that ended well. */
export interface GenerationSummary extends GenerationRecord {
  readonly finish: ProviderFinish;
}

const usageOf = (failure: Failure): TokenUsage | undefined => (failure.cause instanceof ProviderError ? failure.cause.usage : undefined);

/** Goes through a route until a provider answers: the one attempt loop. */
export class Generation {
  readonly id = `gen_${randomUUID()}`;
  readonly #input: GenerationInput;
  readonly #attempts: Attempt[] = [];
  readonly #startMs = performance.now();
  #firstContentMs: number | undefined;
  #usage: TokenUsage | undefined;

  constructor(input: GenerationInput) {
    this.#input = input;
  }

  /** Runs to the end. Throws a Failure that holds what was done. */
  async run(): Promise<GenerationSummary> {
    try {
      const finish = await this.#answer();
      await this.#input.emit({ $case: 'finish', value: this.#finish(finish) });
      return { ...this.record(), finish };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw this.#attempts.length === 0 ? error : error.withGeneration(this.record());
    }
  }

  record(): GenerationRecord {
    return { generationId: this.id, attempts: this.#attempts, usage: this.#usage, partial: this.#firstContentMs !== undefined };
  }

  async #answer(): Promise<ProviderFinish> {
    const { route, maxAttempts } = this.#input;
    const failures: Failure[] = [];
    let ofCandidate: Failure[] = [];
    for (let at = 0, planned = route.attempts[at]; planned !== undefined; planned = route.attempts[at]) {
      if (planned.skip !== undefined) {
        this.#note(planned, Attempt_Outcome.SKIPPED, planned.skip);
        at++;
        continue;
      }
      const outcome = await this.#attempt(planned);
      if (!(outcome instanceof Failure)) return outcome;
      const beyond = afterCandidate(route, at);
      if (isAbsent(outcome, planned)) {
        at = beyond;
        continue;
      }
      failures.push(outcome);
      ofCandidate.push(outcome);
      const next = followUp(route, at, ofCandidate);
      if (next === undefined || this.#firstContentMs !== undefined || failures.length >= maxAttempts) break;
      await this.#input.emit({ $case: 'attemptFailed', value: this.#attemptFailed(planned, outcome) });
      if (next === beyond) ofCandidate = [];
      at = next;
    }
    throw this.#wholeFailure(failures);
  }

  async #attempt(planned: PlannedAttempt & { readonly skip: undefined }): Promise<ProviderFinish | Failure> {
    const { emit, request, limits, signal, judge } = this.#input;
    const number = this.#attempts.length + 1;
    const { name, provider } = planned.instance;
    const entry = this.#note(planned, Attempt_Outcome.UNSPECIFIED, undefined, planned.key?.label);
    const startMs = performance.now();
    try {
      const finish = await runAttempt({
        candidate: planned,
        key: planned.key,
        request,
        limits,
        signal,
        onAccepted: (ignoredFields) => emit({ $case: 'attemptStarted', value: { generationId: this.id, attempt: number, provider: name, model: planned.model, ignoredFields: [...ignoredFields], providerType: provider.manifest.type } }),
        onDelta: (event) => {
          this.#firstContentMs ??= performance.now();
          return emit(event);
        },
      });
      entry.outcome = Attempt_Outcome.SUCCEEDED;
      entry.usage = finish.usage;
      this.#usage = finish.usage;
      if (planned.key !== undefined) judge(name, planned.key, 'good');
      return finish;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (planned.key !== undefined && error.reason === 'KEY_REJECTED') judge(name, planned.key, 'refused');
      this.#close(entry, planned, error);
      return error;
    } finally {
      entry.duration = toDuration(performance.now() - startMs);
    }
  }

  #note(planned: PlannedAttempt, outcome: Attempt['outcome'], failure: Failure | undefined, keyLabel = ''): Attempt {
    const entry: Attempt = {
      attempt: this.#attempts.length + 1,
      provider: planned.instance.name,
      model: planned.model,
      keyLabel,
      outcome,
      reason: failure?.reason ?? '',
      message: failure?.message ?? '',
      httpStatus: 0,
      startTime: new Date(),
      duration: undefined,
      usage: undefined,
      cost: undefined,
    };
    this.#attempts.push(entry);
    return entry;
  }

  #close(entry: Attempt, planned: PlannedAttempt, failure: Failure): void {
    const cancelled = failure.reason === 'CANCELLED' || failure.reason === 'DEADLINE';
    entry.outcome = cancelled ? Attempt_Outcome.CANCELLED : isAbsent(failure, planned) ? Attempt_Outcome.SKIPPED : Attempt_Outcome.FAILED;
    entry.reason = failure.reason;
    entry.message = failure.message;
    entry.httpStatus = Number(failure.metadata['http_status'] ?? 0);
    entry.usage = usageOf(failure);
    this.#usage = entry.usage;
  }

  #attemptFailed(planned: PlannedAttempt, failure: Failure) {
    return {
      attempt: this.#attempts.length,
      provider: planned.instance.name,
      model: planned.model,
      reason: failure.reason,
      message: failure.message,
      retryAfter: failure.retryAfterMs === undefined ? undefined : toDuration(failure.retryAfterMs),
    };
  }

  /** One failure for the whole route: the only one there was, or that all have failed. */
  #wholeFailure(failures: readonly Failure[]): Failure {
    const last = failures.at(-1);
    if (last === undefined) return this.#onlySkips();
    const tried = new Set(this.#attempts.filter(({ outcome }) => outcome === Attempt_Outcome.FAILED).map(({ provider }) => provider));
    if (tried.size < 2 || last.reason === 'CANCELLED' || last.reason === 'DEADLINE') return last;
    const retryable = failures.some(isRetryable);
    return new Failure('ALL_ATTEMPTS_FAILED', `${[...tried].join(' and ')} failed; the last said: ${last.message}`, { metadata: { retryable: String(retryable) }, retryAfterMs: last.retryAfterMs, cause: last });
  }

  #onlySkips(): Failure {
    const { route } = this.#input;
    const [first] = route.attempts;
    if (route.anyReady || first === undefined) return noProviderReady(route);
    const entry = this.#attempts[0];
    return first.skip ?? new Failure('PROVIDER_UNAVAILABLE', `${entry?.message ?? 'nobody answers'}: is ${first.instance.provider.manifest.displayName} running?`, { metadata: { provider: first.instance.name, model: first.model, retryable: 'true' } });
  }

  #finish(finish: ProviderFinish) {
    const now = performance.now();
    return {
      finishReason: finish.finishReason === FinishReason.UNSPECIFIED ? FinishReason.OTHER : finish.finishReason,
      rawFinishReason: finish.rawFinishReason,
      responseModel: finish.responseModel,
      generationId: this.id,
      usage: finish.usage,
      cost: undefined,
      attempts: this.#attempts,
      timeToFirstToken: this.#firstContentMs === undefined ? undefined : toDuration(this.#firstContentMs - this.#startMs),
      duration: toDuration(now - this.#startMs),
    };
  }
}
