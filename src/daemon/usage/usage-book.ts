import type { Cost } from '../../gen/tollgate/v1/content.ts';
import type { Generation, QuotaWindow, Summary, UpgradePrompt, UsageFilter, UsageRow } from '../../gen/tollgate/v1/usage_service.ts';
import type { Tier } from '../access/caller.ts';

/** Whose use is shown: one client's own, or everybody's. A filter narrows it further and never widens it. */
export type Who = { readonly client: string } | 'everybody';

/** Today, this month, and where this month is heading. */
export interface UsageSummary {
  readonly today: Summary;
  readonly month: Summary;
  /** Month to date ÷ time gone × the whole month. undefined in the month's first hour, and while nothing is known. */
  readonly projectedMonth: Cost | undefined;
  /** Each day of the month so far, the idle ones too: key "day". */
  readonly days: readonly UsageRow[];
}

export interface UsageQuery {
  /** undefined is 30 days before the end. */
  readonly startTime: Date | undefined;
  /** undefined is now. */
  readonly endTime: Date | undefined;
  /** "day", "hour", "provider", "model", "client", "label:<name>", at most 8. Empty is one sum of all. */
  readonly groupBy: readonly string[];
  /** Its times are not looked at. */
  readonly filter: UsageFilter | undefined;
  /** An IANA time zone for days and hours. "" is the daemon's. */
  readonly timeZone: string;
}

export interface GenerationPage {
  /** From 1 to 1000. */
  readonly size: number;
  /** What the page before gave; "" is the first page. */
  readonly token: string;
}

/** What a client's tier allows, and what is left of it. */
export interface ClientQuota {
  readonly tier: Tier;
  /** Unlimited ones are left out. */
  readonly windows: readonly QuotaWindow[];
  /** When a window is used up. */
  readonly upgrade: UpgradePrompt | undefined;
}

/**
 * What was used, as it can be asked for. Everything that names a time zone, a group, or a page token throws REQUEST_INVALID with that field
 * when it is wrong (`time_zone`, `group_by`, `page_token`, `start_time`, `generation`). Nothing holds up a running generation.
 */
export interface UsageBook {
  summary(timeZone: string, who: Who): Promise<UsageSummary>;
  /** Rows ordered by key, at most 10,000. */
  query(query: UsageQuery, who: Who): Promise<{ readonly rows: readonly UsageRow[]; readonly truncated: boolean }>;
  /** The newest first, by the time at which they were settled. */
  list(filter: UsageFilter | undefined, page: GenerationPage, who: Who): Promise<{ readonly generations: readonly Generation[]; readonly nextPageToken: string }>;
  /** undefined when there is none that `who` may see: never, still running, cleared, or another client's. */
  get(generationId: string, who: Who): Promise<Generation | undefined>;
  /**
   * Generations as they are settled, from now on; imported ones are left out. Ends without an error when `signal` is aborted. Throws DAEMON_OVERLOADED
   * for a reader that is 1,000 behind.
   */
  watch(filter: UsageFilter | undefined, who: Who, signal: AbortSignal): AsyncIterable<Generation>;
  /** The oldest first. Stops without an error when `signal` is aborted. */
  export(filter: UsageFilter | undefined, who: Who, signal: AbortSignal): AsyncIterable<Generation>;
  /** Takes in a generation of another daemon; durable when it resolves. Never changes a quota. */
  import(generation: Generation): Promise<'imported' | 'duplicate'>;
  /** Forgets what was settled before a time; durable when it resolves. Never changes a quota. Returns how many generations. */
  clear(before: Date): Promise<number>;
  /** The quota of a client. `tier` undefined is the one with which it called last, else "free". */
  quota(client: string, tier: Tier | undefined): ClientQuota;
}
