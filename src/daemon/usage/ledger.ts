import type { Attempt, Cost, FinishReason, TokenUsage } from '../../gen/tollgate/v1/content.ts';
import type { UsageSource } from '../../gen/tollgate/v1/usage_service.ts';
import type { Tier } from '../access/caller.ts';
import type { Failure } from '../failure.ts';

/** Who asks for what: what is known before anybody is called. */
export interface ReserveRequest {
  readonly generationId: string;
  readonly client: string;
  readonly tier: Tier;
  /** As it was asked for: an alias, a model id, or "auto". */
  readonly model: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly embedding: boolean;
  readonly bound: UpperBound;
  /**
   * What each planned attempt comes to by itself. Those that the client's limits do not allow are passed over while others are left, and only the dearest of these is
   * held. Default: one, which is `bound`.
   */
  readonly candidates?: readonly UpperBound[];
}

/** The most that a call can come to, at the dearest of its planned attempts. */
export interface UpperBound {
  /** Input and output together. */
  readonly tokens: bigint;
  /** undefined when a price is not known. */
  readonly picoUsd: bigint | undefined;
  /** The part of `tokens` that is input: what a crash leaves to be estimated is then the output alone. */
  readonly inputTokens?: bigint | undefined;
}

/** How a generation ended. */
export interface Settlement {
  readonly startTime: Date;
  readonly durationMs: number;
  readonly timeToFirstTokenMs: number | undefined;
  readonly finishReason: FinishReason;
  /** A reason of docs/errors.md; "" when it ended well. */
  readonly statusReason: string;
  readonly usage: TokenUsage | undefined;
  readonly usageSource: UsageSource;
  readonly cost: Cost;
  readonly attempts: readonly Attempt[];
  /** The provider that answered, or was tried last; "" when none was. */
  readonly provider: string;
  readonly responseModel: string;
}

/** What a running generation may still come to, told while it streams. */
export interface Budget {
  /** The most pico-USD that the generation may cost in all; undefined is no limit. */
  readonly maxPicoUsd: bigint | undefined;
}

/** A reservation that is open: exactly one of `settle` and `void` ends it. */
export interface OpenGeneration {
  readonly budget: Budget;
  /** Of each candidate, why the client's limits do not allow it; undefined where they do. */
  readonly refusals: readonly (Failure | undefined)[];
  /** Resolves when the reservation is on the disk; rejects with JOURNAL_UNAVAILABLE. */
  readonly reserved: Promise<void>;
  /** A provider is about to be called. Durable, and so is the reservation, when it resolves; nothing may be sent before. Throws JOURNAL_UNAVAILABLE. */
  attempt(provider: string, model: string): Promise<void>;
  /** How far the answer has come, at most every 2 s or 1,000 tokens; costs nothing when nothing is due. */
  checkpoint(outputTokens: number): void;
  /** Records the end. Durable when it resolves. A second call does nothing. */
  settle(settlement: Settlement): Promise<void>;
  /** Nobody was called: gives everything back. Durable when it resolves. */
  void(reason: string): Promise<void>;
}

/** The books: reserve → settle, on a journal that is the truth. */
export interface Ledger {
  /**
   * Sees which candidates the windows of client and tier allow, and holds the dearest of them in each window, in one step. Throws QUOTA_EXCEEDED or
   * BUDGET_EXCEEDED with an UpgradePrompt when they allow none. On its way to the disk when it returns: `attempt` waits for that.
   */
  reserve(request: ReserveRequest): Promise<OpenGeneration>;
}
