import { Attempt_Outcome, type Attempt, type TokenUsage } from '../../gen/tollgate/v1/content.ts';
import { toDuration } from '../../duration.ts';
import { ProviderError } from '../../plugins/provider.ts';
import type { Failure } from '../failure.ts';
import type { PlannedAttempt } from './plan-route.ts';
import { wasNotCalled } from './provider-failure.ts';

/** What the provider had reported of an attempt that failed. */
export const usageOf = (failure: Failure): TokenUsage | undefined => (failure.cause instanceof ProviderError ? failure.cause.usage : undefined);

function outcomeOf(failure: Failure, planned: PlannedAttempt): Attempt_Outcome {
  if (failure.reason === 'CANCELLED' || failure.reason === 'DEADLINE') return Attempt_Outcome.CANCELLED;
  return wasNotCalled(failure, planned) ? Attempt_Outcome.SKIPPED : Attempt_Outcome.FAILED;
}

/** An attempt that runs: it is ended once, and stays as it then is. */
export interface OpenAttempt {
  readonly entry: Attempt;
  succeeded(usage: TokenUsage | undefined): void;
  failed(failure: Failure): void;
}

/** One that was passed over, and why. */
export interface Skip {
  readonly planned: PlannedAttempt;
  readonly why: Failure;
}

/** Every attempt and skip of a generation, in order. */
export class AttemptLog {
  readonly entries: Attempt[] = [];
  readonly skips: Skip[] = [];
  /** What the last provider reported. */
  usage: TokenUsage | undefined;

  skip(planned: PlannedAttempt, why: Failure): void {
    this.skips.push({ planned, why });
    this.entries.push({ ...this.#entry(planned, ''), outcome: Attempt_Outcome.SKIPPED, reason: why.reason, message: why.message });
  }

  begin(planned: PlannedAttempt, keyLabel: string): OpenAttempt {
    const entry = this.#entry(planned, keyLabel);
    const startMs = performance.now();
    this.entries.push(entry);
    let isOpen = true;
    const close = (fields: Pick<Attempt, 'outcome' | 'usage'> & Partial<Attempt>): void => {
      if (!isOpen) return;
      isOpen = false;
      Object.assign(entry, fields, { duration: toDuration(performance.now() - startMs) });
      this.usage = fields.usage;
    };
    return {
      entry,
      succeeded: (usage) => close({ outcome: Attempt_Outcome.SUCCEEDED, usage }),
      failed: (failure) => {
        const outcome = outcomeOf(failure, planned);
        if (isOpen && outcome === Attempt_Outcome.SKIPPED) this.skips.push({ planned, why: failure });
        close({ outcome, reason: failure.reason, message: failure.message, httpStatus: Number(failure.metadata['http_status'] ?? 0), usage: usageOf(failure) });
      },
    };
  }

  #entry(planned: PlannedAttempt, keyLabel: string): Attempt {
    return {
      attempt: this.entries.length + 1,
      provider: planned.instance.name,
      model: planned.model,
      keyLabel,
      outcome: Attempt_Outcome.UNSPECIFIED,
      reason: '',
      message: '',
      httpStatus: 0,
      startTime: new Date(),
      duration: undefined,
      usage: undefined,
      cost: undefined,
    };
  }
}
