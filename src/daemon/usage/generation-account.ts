import { Attempt_Outcome, type Attempt, type Cost, type FinishReason, type TokenUsage } from '../../gen/tollgate/v1/content.ts';
import { UsageSource } from '../../gen/tollgate/v1/usage_service.ts';
import type { ProviderEvent } from '../../plugins/provider.ts';
import { Failure } from '../failure.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { OpenGeneration } from './ledger.ts';
import { answerMeter, type AnswerMeter } from './prices/answer-meter.ts';
import { costOf } from './prices/cost-of.ts';
import { estimateUsage } from './prices/estimate-usage.ts';
import { FREE, type Price } from './prices/price.ts';
import type { PriceBook } from './prices/price-book.ts';
import type { RequestSize } from './prices/request-size.ts';
import { sumCosts } from './prices/sum-costs.ts';
import { addUsage } from './prices/add-usage.ts';

/** Whom an attempt calls. */
export interface Called {
  readonly instance: ProviderInstance;
  readonly model: string;
}

/** What a provider told of an attempt by its end. */
export interface AttemptEnd {
  /** What it reported; undefined when it said nothing. */
  readonly usage: TokenUsage | undefined;
  readonly reportedPicoUsd?: bigint | undefined;
  readonly responseModel?: string | undefined;
  /** Whether the answer came to its end. */
  readonly isWhole: boolean;
  /** Whether the provider took the request and did not refuse it: then it may be billed even without an answer. */
  readonly wasTaken: boolean;
}

/** The books of one attempt. */
export interface AttemptAccount {
  /** Counts what streams by. Throws BUDGET_EXCEEDED once the generation has cost what is left. */
  add(event: ProviderEvent): void;
  /**
   * Nobody waits for it any more, and it goes on all the same: from now on nothing stops it for its cost. What it has come to so far, which counts
   * for it until its end.
   */
  letGo(): Cost;
  /** What it came to. Once; a second call gives the same. */
  end(end: AttemptEnd): Cost;
}

/** How a generation ended. */
export interface GenerationEnd {
  readonly finishReason: FinishReason;
  /** A reason of docs/errors.md; "" when it ended well. */
  readonly statusReason: string;
  readonly startTime: Date;
  readonly durationMs: number;
  readonly timeToFirstTokenMs: number | undefined;
  readonly attempts: readonly Attempt[];
  readonly responseModel: string;
}

/** The books of one generation: what its attempts cost, written down before anybody is called and before anybody is told. */
export interface GenerationAccount {
  /** A provider is about to be called. Durable when it resolves; throws JOURNAL_UNAVAILABLE, and then nobody may be called. */
  begin(called: Called): Promise<AttemptAccount>;
  /** What all attempts cost so far. */
  readonly cost: Cost;
  /** Writes the end down. Durable when it resolves; throws JOURNAL_UNAVAILABLE. */
  settle(end: GenerationEnd): Promise<void>;
}

export interface GenerationAccountParts {
  readonly open: OpenGeneration;
  readonly prices: PriceBook;
  readonly size: RequestSize;
  /** The request's own limit of the answer. */
  readonly outputLimit: bigint | undefined;
  readonly isEmbedding?: boolean;
}

/** How often the money is looked at while an answer streams, in estimated tokens. */
const LOOK_EVERY_TOKENS = 64;

interface Running {
  readonly price: Price | undefined;
  readonly meter: AnswerMeter;
}

export function generationAccount({ open, prices, size, outputLimit, isEmbedding = false }: GenerationAccountParts): GenerationAccount {
  const costs: Cost[] = [];
  /** What those have come to so far that were let go. */
  const goingOn = new Map<Running, Cost>();
  const costOfAll = (...more: readonly Cost[]): Cost => sumCosts([...costs, ...goingOn.values(), ...more]);
  let usage: TokenUsage | undefined;
  let source: UsageSource = UsageSource.REPORTED;
  let calls = 0;

  /** Of a whole answer what the provider counted stands, and only what it left out is estimated. */
  const estimated = ({ price, meter }: Running, reported: TokenUsage | undefined, isWhole: boolean): { readonly cost: Cost; readonly usage: TokenUsage } => {
    const estimate = estimateUsage(meter.seen, size, { reported, outputLimit });
    const outputTokens = isWhole ? (reported?.outputTokens ?? estimate.expected.outputTokens) : estimate.expected.outputTokens;
    return { cost: costOf(reported, price, { estimate, isCut: !isWhole, isEmbedding }), usage: { ...estimate.expected, outputTokens } };
  };

  /** A generation of several attempts is guarded as a whole. */
  const guard = (running: Running): void => {
    const { maxPicoUsd } = open.budget;
    if (maxPicoUsd === undefined) return;
    const spent = costOfAll(estimated(running, undefined, false).cost).expectedPicoUsd ?? 0n;
    if (spent > maxPicoUsd) throw new Failure('BUDGET_EXCEEDED', 'the answer has cost what was left of the budget, and was stopped; what came until here is paid');
  };

  const begin = async (called: Called): Promise<AttemptAccount> => {
    await open.attempt(called.instance.name, called.model);
    calls++;
    const at = new Date();
    const priced = (responseModel: string | undefined): Price | undefined => prices.priceOf({ ...called, responseModel, at });
    const running: Running = { price: priced(undefined), meter: answerMeter() };
    let lookedAt = 0;
    let ended: Cost | undefined;
    return {
      add(event) {
        running.meter.add(event);
        const { outputTokens } = running.meter;
        if (outputTokens - lookedAt < LOOK_EVERY_TOKENS) return;
        lookedAt = outputTokens;
        open.checkpoint(outputTokens);
        if (!goingOn.has(running)) guard(running);
      },
      letGo() {
        const { cost } = estimated(running, undefined, false);
        goingOn.set(running, cost);
        return cost;
      },
      end({ usage: reported, reportedPicoUsd, responseModel, isWhole, wasTaken }) {
        if (ended !== undefined) return ended;
        goingOn.delete(running);
        const mayBeBilled = wasTaken || running.meter.outputTokens > 0 || reported !== undefined || reportedPicoUsd !== undefined;
        const isKnown = isWhole && (reported?.outputTokens !== undefined || isEmbedding) && reported?.inputTokens !== undefined;
        if (!mayBeBilled) {
          ended = costOf(undefined, FREE);
        } else if (isKnown || reportedPicoUsd !== undefined) {
          ended = costOf(reported, priced(responseModel), { reportedPicoUsd, isEmbedding });
          usage = addUsage(usage, reported);
        } else {
          const guess = estimated({ ...running, price: priced(responseModel) }, reported, isWhole);
          ended = guess.cost;
          usage = addUsage(usage, guess.usage);
          source = UsageSource.ESTIMATED;
        }
        if (mayBeBilled) costs.push(ended);
        return ended;
      },
    };
  };

  return {
    begin,
    get cost() {
      return costOfAll();
    },
    async settle(end) {
      const asked = end.attempts.findLast(({ outcome }) => outcome !== Attempt_Outcome.SKIPPED);
      // Nobody was there: no request was made.
      if (calls === 0 || asked === undefined) return open.void(end.statusReason);
      await open.settle({ ...end, usage, usageSource: source, cost: sumCosts(costs), provider: asked?.provider ?? '', responseModel: end.responseModel === '' ? (asked?.model ?? '') : end.responseModel });
    },
  };
}
