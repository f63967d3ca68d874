import { durationMs, toDuration } from '../../duration.ts';
import type { Finish as ProviderFinish } from '../../gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason } from '../../gen/tollgate/v1/content.ts';
import { RoutingOptions_OnInterrupt, type GenerateRequest, type GenerateResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { sleep } from '../clock.ts';
import { Failure, type GenerationRecord, type Reason } from '../failure.ts';
import type { Secrets } from '../keys/secrets.ts';
import type { AttemptAccount, GenerationAccount, GenerationEnd } from '../usage/generation-account.ts';
import type { AttemptLimits } from './attempt-clock.ts';
import { AttemptLog, type OpenAttempt } from './attempt-log.ts';
import { ShownAnswer } from './continue-answer.ts';
import { billsOn, runDrainedAttempt, type Rest } from './drained-attempt.ts';
import { firstToEnd } from './first-to-end.ts';
import type { Route } from './plan-route.ts';
import { isRetryable } from './provider-failure.ts';
import { RouteWalk, type Allowance, type Step } from './route-walk.ts';
import { runAttempt, type AttemptInput, type Room } from './run-attempt.ts';
import type { Traffic } from './traffic.ts';
import { wholeFailure } from './whole-failure.ts';

export type GenerateEvent = NonNullable<GenerateResponse['event']>;

export interface GenerationInput {
  readonly id: string;
  readonly request: GenerateRequest;
  readonly route: Route;
  readonly limits: AttemptLimits;
  readonly maxAttempts: number;
  /** Whether a provider that failed before any content may be asked again. */
  readonly retries: boolean;
  /** When the call's time is over, on the clock that never goes back. */
  readonly deadlineMs: number;
  readonly traffic: Traffic;
  /** The books of this generation; undefined when nobody can be called. */
  readonly account?: GenerationAccount | undefined;
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

/** An attempt that is being made. Several run at a time only where the caller asked for it. */
interface Run extends Step {
  readonly attempt: OpenAttempt;
  readonly controller: AbortController;
  /** Set once the provider accepted the connection. */
  ignoredFields: readonly string[] | undefined;
  isAnnounced: boolean;
  isGivenUp: boolean;
  /** Set once it is read on behind the caller's back. */
  rest: Rest | undefined;
}

interface Ended {
  readonly run: Run;
  readonly outcome: ProviderFinish | Failure;
}

const finishReasonOf = ({ finishReason }: ProviderFinish): FinishReason => (finishReason === FinishReason.UNSPECIFIED ? FinishReason.OTHER : finishReason);

/** Goes through a route until a provider answers: the one attempt loop. */
export class Generation {
  readonly #input: GenerationInput;
  readonly #walk: RouteWalk;
  readonly #log = new AttemptLog();
  readonly #startTime = new Date();
  readonly #startMs = performance.now();
  /** Those that another one was faster than: what they cost is counted too. */
  readonly #losers: Promise<Ended>[] = [];
  /** Those that are read on, with the end of that. */
  readonly #rests = new Map<Rest, Promise<void>>();
  #isSettled = false;
  readonly #running = new Map<Run, Promise<Ended>>();
  /** Kept only where another model may go on with the answer. */
  readonly #shown: ShownAnswer | undefined;
  readonly #hedgeMs: number | undefined;
  #firstContentMs: number | undefined;
  #answering: Run | undefined;

  constructor(input: GenerationInput) {
    const { request, route, maxAttempts, retries, deadlineMs, signal, traffic } = input;
    this.#input = input;
    this.#walk = new RouteWalk({ route, maxAttempts, retries, deadlineMs, signal, traffic, waitForCooldown: request.routing?.waitForCooldown === true, onSkip: (planned, why) => this.#log.skip(planned, why) });
    if (request.routing?.onInterrupt === RoutingOptions_OnInterrupt.CONTINUE) this.#shown = new ShownAnswer(request);
    if (request.routing?.hedgeAfter !== undefined) this.#hedgeMs = durationMs(request.routing.hedgeAfter);
  }

  /** Runs to the end. Throws a Failure that holds what was done. */
  async run(): Promise<GenerationSummary> {
    try {
      const finish = await this.#answer();
      await this.#settle('', finish);
      await this.#input.emit({ $case: 'finish', value: this.#finish(finish) });
      return { ...this.record(), finish };
    } catch (error) {
      await this.#settle(error instanceof Failure ? error.reason : 'INTERNAL');
      if (!(error instanceof Failure)) throw error;
      throw this.#log.entries.length === 0 ? error : error.withGeneration(this.record());
    } finally {
      this.#walk.close();
    }
  }

  /** Before anybody is told how it ended, it is written down. What cannot be written is tried again by the ledger. */
  async #settle(statusReason: Reason | '', finish?: ProviderFinish): Promise<void> {
    const { account } = this.#input;
    if (this.#isSettled || account === undefined) return;
    this.#isSettled = true;
    const tookMs = performance.now() - this.#startMs;
    if (this.#losers.length > 0) await Promise.all(this.#losers);
    const end: GenerationEnd = {
      finishReason: finish === undefined ? FinishReason.UNSPECIFIED : finishReasonOf(finish),
      statusReason,
      startTime: this.#startTime,
      durationMs: tookMs,
      timeToFirstTokenMs: this.#firstContentMs === undefined ? undefined : this.#firstContentMs - this.#startMs,
      attempts: this.#log.entries,
      responseModel: finish?.responseModel ?? '',
    };
    if (this.#rests.size === 0) return account.settle(end);
    // A failure is told at once, and the books are closed behind what is read on; a finish does not wait for that.
    if (finish !== undefined) for (const rest of this.#rests.keys()) rest.stop();
    const settled = Promise.all(this.#rests.values()).then(() => account.settle(end));
    if (finish === undefined) this.#input.traffic.drains.keep(settled);
    else await settled;
  }

  record(): GenerationRecord {
    // What is read on may still change.
    const attempts = this.#rests.size === 0 ? this.#log.entries : this.#log.entries.map((entry) => ({ ...entry }));
    return { generationId: this.#input.id, attempts, usage: this.#log.usage, cost: this.#input.account?.cost, partial: this.#firstContentMs !== undefined };
  }

  async #answer(): Promise<ProviderFinish> {
    let step = await this.#walk.first();
    while (step !== undefined) {
      const { run, outcome } = await this.#ask(step);
      if (!(outcome instanceof Failure)) return outcome;
      step = await this.#goOn(run, outcome);
    }
    throw wholeFailure(this.#input.route, this.#log, this.#walk.failures);
  }

  /** What to do after a failure, told to the caller before any wait. */
  async #goOn(run: Run, failure: Failure): Promise<Step | undefined> {
    const { signal, traffic, emit } = this.#input;
    const failuresBefore = this.#walk.failures.length;
    const step = await this.#walk.after(run.at, failure, this.#allowance(failure));
    if (step === undefined) return undefined;
    this.#answering = undefined;
    this.#shown?.join();
    // Whoever is not there has not failed.
    if (this.#walk.failures.length > failuresBefore) await emit(this.#attemptFailed(run, failure));
    if (step.waitMs > 0) await sleep(step.waitMs, signal, traffic.clock);
    return step;
  }

  #allowance(failure: Failure): Allowance {
    if (this.#firstContentMs === undefined) return 'all';
    return this.#shown?.canGoOn === true && isRetryable(failure) ? 'others' : 'nothing';
  }

  /** Makes an attempt. While it is silent others may join it; the first to show content stays alone. */
  async #ask(step: Step): Promise<Ended> {
    this.#input.signal.throwIfAborted();
    this.#start(step);
    for (let mayJoin = this.#hedgeMs !== undefined; ;) {
      const ended = await firstToEnd([...this.#running.values()], mayJoin && this.#answering === undefined ? this.#hedgeMs : undefined, this.#input.traffic.clock);
      if (ended === undefined) {
        const next = this.#answering === undefined ? this.#walk.beside(step.at) : undefined;
        if (next === undefined) mayJoin = false;
        else this.#start(next);
        continue;
      }
      if (ended.run.isGivenUp) continue;
      this.#running.delete(ended.run);
      if (this.#running.size === 0 || !(ended.outcome instanceof Failure) || this.#input.signal.aborted) {
        this.#giveUpOthers(ended.run);
        return ended;
      }
      const failuresBefore = this.#walk.failures.length;
      this.#walk.failedBeside(ended.run.at, ended.outcome);
      if (this.#walk.failures.length > failuresBefore) await this.#input.emit(this.#attemptFailed(ended.run, ended.outcome));
      await this.#announce();
    }
  }

  #start(step: Step): void {
    const run: Run = { ...step, attempt: this.#log.begin(step.planned, step.planned.key?.label ?? ''), controller: new AbortController(), ignoredFields: undefined, isAnnounced: false, isGivenUp: false, rest: undefined };
    this.#running.set(run, this.#run(run));
  }

  async #run(run: Run): Promise<Ended> {
    const { account, emit, request, limits, signal, judge, traffic } = this.#input;
    const { planned, attempt } = run;
    const { key, instance } = planned;
    let books: AttemptAccount | undefined;
    try {
      books = await account?.begin(planned);
      const input: AttemptInput = {
        candidate: planned,
        key,
        request: this.#shown?.request() ?? request,
        limits,
        clock: traffic.clock,
        signal,
        controller: run.controller,
        onAccepted: (ignoredFields) => {
          run.ignoredFields = ignoredFields;
          return this.#running.size === 1 ? this.#announce() : undefined;
        },
        onDelta: (event) => {
          books?.add(event);
          return this.#answering === run || this.#win(run) ? emit(this.#shown?.add(event) ?? event) : undefined;
        },
      };
      const finish = await (books !== undefined && billsOn(planned) ? runDrainedAttempt(input, traffic.drains, books, (rest) => (run.rest = rest)) : runAttempt(input));
      attempt.succeeded(finish.usage);
      attempt.entry.cost = books?.end({ usage: finish.usage, reportedPicoUsd: finish.reportedCostPicoUsd, responseModel: finish.responseModel, isWhole: true, wasTaken: true });
      if (!run.isGivenUp) this.#walk.succeeded(run.at);
      if (key !== undefined) judge(instance.name, key, 'good');
      return { run, outcome: finish };
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure('INTERNAL', 'something unforeseen happened in an attempt', { cause: error });
      if (key !== undefined && failure.reason === 'KEY_REJECTED') judge(instance.name, key, 'refused');
      attempt.failed(failure);
      const { entry } = attempt;
      // A provider that refuses a request bills nothing.
      entry.cost = run.rest?.costSoFar ?? books?.end({ usage: entry.usage, isWhole: false, wasTaken: run.ignoredFields !== undefined && entry.httpStatus < 400 });
      if (run.rest !== undefined) this.#rests.set(run.rest, run.rest.close(entry));
      return { run, outcome: failure };
    }
  }

  /** The first content decides: from now on this attempt is the answer. Returns whether it is. */
  #win(run: Run): boolean {
    if (run.isGivenUp) return false;
    this.#answering = run;
    this.#firstContentMs ??= performance.now();
    this.#walk.content(run.at);
    this.#giveUpOthers(run);
    // The delta that follows waits for the same reader.
    void this.#announce();
    return true;
  }

  #giveUpOthers(winner: Run): void {
    if (this.#running.size === 0 || (this.#running.size === 1 && this.#running.has(winner))) return;
    const failure = new Failure('CANCELLED', 'another provider answered first');
    for (const [run, ended] of this.#running) {
      if (run === winner) continue;
      run.isGivenUp = true;
      this.#losers.push(ended);
      this.#running.delete(run);
      this.#walk.cancelled(run.at);
      run.attempt.failed(failure);
      run.controller.abort(failure);
    }
  }

  /** Tells the caller who answers, once it is known: everything up to the next such event comes from it. */
  #announce(): Room {
    const run = this.#answering ?? this.#running.keys().next().value;
    if (run?.ignoredFields === undefined || run.isAnnounced) return undefined;
    run.isAnnounced = true;
    const { instance, model } = run.planned;
    return this.#input.emit({
      $case: 'attemptStarted',
      value: { generationId: this.#input.id, attempt: run.attempt.entry.attempt, provider: instance.name, model, ignoredFields: [...run.ignoredFields], providerType: instance.provider.manifest.type },
    });
  }

  #attemptFailed({ planned, attempt }: Run, { reason, message, retryAfterMs }: Failure): GenerateEvent {
    return {
      $case: 'attemptFailed',
      value: { attempt: attempt.entry.attempt, provider: planned.instance.name, model: planned.model, reason, message, retryAfter: retryAfterMs === undefined ? undefined : toDuration(retryAfterMs) },
    };
  }

  #finish(finish: ProviderFinish) {
    const now = performance.now();
    return {
      finishReason: finishReasonOf(finish),
      rawFinishReason: finish.rawFinishReason,
      responseModel: finish.responseModel,
      generationId: this.#input.id,
      usage: finish.usage,
      cost: this.#input.account?.cost,
      attempts: this.#log.entries,
      timeToFirstToken: this.#firstContentMs === undefined ? undefined : toDuration(this.#firstContentMs - this.#startMs),
      duration: toDuration(now - this.#startMs),
    };
  }
}
