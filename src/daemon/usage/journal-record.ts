/**
 * What the journal holds: one JSON object per record. Amounts are pico-USD and counts of tokens, as decimal text. Times are
 * milliseconds since 1970. A reader refuses a type that it does not know.
 */
export type JournalRecord =
  | { readonly type: 'RESERVE'; readonly id: string; readonly time: number; readonly client: string; readonly tier: string; readonly windows: readonly WindowHold[]; readonly request: Readonly<Record<string, unknown>> }
  | { readonly type: 'ATTEMPT'; readonly id: string; readonly time: number; readonly provider: string; readonly model: string }
  | { readonly type: 'CHECKPOINT'; readonly id: string; readonly time: number; readonly outputTokens: number }
  | { readonly type: 'SETTLE'; readonly id: string; readonly time: number; readonly generation: Readonly<Record<string, unknown>> }
  | { readonly type: 'VOID'; readonly id: string; readonly time: number; readonly reason: string }
  | { readonly type: 'EXPIRE'; readonly id: string; readonly time: number }
  | { readonly type: 'IMPORT'; readonly id: string; readonly time: number; readonly generation: Readonly<Record<string, unknown>> }
  | { readonly type: 'CLEAR'; readonly time: number; readonly before: number }
  | { readonly type: 'RAISE'; readonly time: number; readonly client: string; readonly until: number; readonly limits: Readonly<Record<string, unknown>> }
  | { readonly type: 'ROLLUP'; readonly time: number; readonly state: Readonly<Record<string, unknown>> };

/** What a reservation holds in one window of a quota. */
export interface WindowHold {
  /** Names the window and its span: `client/my-app/requests/month/2026-11`. */
  readonly window: string;
  /** Decimal text. */
  readonly amount: string;
}

/** Where a record stands: its segment's number, and the first byte behind it. */
export interface JournalPosition {
  readonly segment: number;
  readonly offset: number;
}

/** The append-only truth. */
export interface Journal {
  /** Appends a record. Resolves once it is on the disk (one fdatasync for all that wait). Throws JOURNAL_UNAVAILABLE. */
  append(record: JournalRecord): Promise<JournalPosition>;
  /** Reads what stands behind a position, or everything; in order. Throws for damage that is no torn tail. */
  replay(after?: JournalPosition): AsyncIterable<{ readonly record: JournalRecord; readonly position: JournalPosition }>;
  /** Whether records can be written now, and why not. */
  readonly problem: string | undefined;
  close(): Promise<void>;
}
