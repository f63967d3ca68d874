import { join, dirname } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Attempt_Outcome, Cost_Provenance, FinishReason, type Cost } from '../../../src/gen/tollgate/v1/content.ts';
import { UsageSource, type Generation } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { DEFAULT_USAGE_CONFIG, type Limits, type TierConfig, type UsageConfig } from '../../../src/daemon/config/usage-config.ts';
import { Failure } from '../../../src/daemon/failure.ts';
import type { Clock } from '../../../src/daemon/usage/clock.ts';
import type { ReserveRequest, Settlement } from '../../../src/daemon/usage/ledger.ts';
import { openLedger, type LedgerOptions, type OpenLedger } from '../../../src/daemon/usage/open-ledger.ts';
import type { OpenJournal } from '../../../src/daemon/usage/journal/open-journal.ts';
import { makeLogger, type Logger } from '../../../src/daemon/logger.ts';
import { journalDir, openAt } from './journal-home.ts';

/** Noon in the middle of a month. */
export const NOON = Date.UTC(2026, 10, 23, 12);
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const USD = 10n ** 12n;

/** A clock that the test sets. */
export interface TestClock extends Clock {
  wallMs: number;
  steadyMs: number;
  /** Both clocks go on. */
  pass(ms: number): void;
}

export function testClock(wallMs = NOON): TestClock {
  return {
    wallMs,
    steadyMs: 0,
    now() {
      return this.wallMs;
    },
    monotonic() {
      return this.steadyMs;
    },
    pass(ms) {
      this.wallMs += ms;
      this.steadyMs += ms;
    },
  };
}

export const tier = (limits: Limits, more: Partial<TierConfig> = {}): TierConfig => ({ limits, timeZone: 'UTC', providers: undefined, models: undefined, shadow: false, ...more });
export const usageConfig = (config: Partial<UsageConfig> = {}): UsageConfig => ({ ...DEFAULT_USAGE_CONFIG, ...config });

export interface Home {
  readonly dir: string;
  readonly snapshotFile: string;
  readonly clock: TestClock;
  config: UsageConfig;
  /** What its books must be found to have wrong when they are closed. */
  problems: readonly unknown[];
  /** Each line of the log. */
  readonly logged: string[];
  /** Opens the books, as a launch of the daemon does. */
  open(options?: Partial<LedgerOptions>, through?: (journal: OpenJournal) => OpenJournal): Promise<Books>;
}

export interface Books {
  readonly ledger: OpenLedger;
  readonly journal: OpenJournal;
  /** Ends as a daemon does. */
  close(): Promise<void>;
  /** Ends as a daemon that is killed: nothing is written any more. */
  kill(): Promise<void>;
}

export const crashCost = (): Cost => ({ expectedPicoUsd: 700n, lowPicoUsd: 500n, highPicoUsd: 900n, provenance: Cost_Provenance.ESTIMATED, priceVersion: 'v1' });

export function ledgerHome(config: Partial<UsageConfig> = {}, clock = testClock()): Home {
  const dir = journalDir();
  const snapshotFile = join(dirname(dir), 'usage.json');
  const logged: string[] = [];
  const log: Logger = makeLogger('debug', { write: (line: string) => void logged.push(line) });
  const home: Home = {
    dir,
    snapshotFile,
    clock,
    config: usageConfig(config),
    problems: [],
    logged,
    async open(options = {}, through = (journal) => journal) {
      const journal = await openAt(dir, { clock: () => clock.now(), segmentBytes: 1024 * 1024 });
      await journal.whenWritable();
      const ledger = await openLedger({ journal: through(journal), snapshotFile, config: () => home.config, log, crashCost, timeZone: 'UTC', clock, ...options });
      let isOver = false;
      const close = async (): Promise<void> => {
        if (isOver) return;
        isOver = true;
        const problems = await ledger.check();
        await ledger.close();
        await journal.close();
        expect(problems).toEqual(home.problems);
      };
      onTestFinished(close);
      return {
        ledger,
        journal,
        close,
        async kill() {
          isOver = true;
          await journal.close();
        },
      };
    },
  };
  return home;
}

let count = 0;

export const request = (fields: Partial<ReserveRequest> = {}): ReserveRequest => ({
  generationId: `gen_${++count}`,
  client: 'my-app',
  tier: 'member',
  model: 'gpt',
  labels: {},
  embedding: false,
  bound: { tokens: 100n, picoUsd: 1000n },
  ...fields,
});

export const cost = (expectedPicoUsd: bigint | undefined, fields: Partial<Cost> = {}): Cost =>
  expectedPicoUsd === undefined
    ? { provenance: Cost_Provenance.UNKNOWN, priceVersion: '' }
    : { expectedPicoUsd, lowPicoUsd: expectedPicoUsd, highPicoUsd: expectedPicoUsd, provenance: Cost_Provenance.PRICED, priceVersion: 'v1', ...fields };

export const settlement = (fields: Partial<Settlement> = {}): Settlement => ({
  startTime: new Date(NOON),
  durationMs: 1500,
  timeToFirstTokenMs: 250,
  finishReason: FinishReason.STOP,
  statusReason: '',
  usage: { inputTokens: 10n, outputTokens: 20n },
  usageSource: UsageSource.REPORTED,
  cost: cost(600n),
  attempts: [],
  provider: 'openai',
  responseModel: 'gpt-4o',
  ...fields,
});

export const generation = (fields: Partial<Generation> = {}): Generation => ({
  generationId: `imported_${++count}`,
  client: 'my-app',
  model: 'gpt',
  startTime: new Date(NOON - 1000),
  duration: { seconds: 1n, nanos: 0 },
  timeToFirstToken: undefined,
  finishReason: FinishReason.STOP,
  statusReason: '',
  usage: { inputTokens: 1n, outputTokens: 2n },
  usageSource: UsageSource.REPORTED,
  cost: cost(600n),
  attempts: [],
  labels: {},
  settleTime: new Date(NOON - DAY),
  provider: 'openai',
  responseModel: 'gpt-4o',
  embedding: false,
  ...fields,
});

export const attempt = (fields = {}) => ({ attempt: 1, provider: 'openai', model: 'gpt-4o', keyLabel: '', outcome: Attempt_Outcome.SUCCEEDED, reason: '', message: '', httpStatus: 200, startTime: new Date(NOON), duration: undefined, usage: undefined, cost: undefined, ...fields });

/** One whole call. */
export async function call(ledger: OpenLedger, asked: Partial<ReserveRequest> = {}, ended: Partial<Settlement> = {}): Promise<string> {
  const made = request(asked);
  const open = await ledger.reserve(made);
  await open.attempt('openai', 'gpt-4o');
  await open.settle(settlement(ended));
  return made.generationId;
}

/** What a promise fails with. */
export async function failure(of: Promise<unknown>): Promise<Failure> {
  try {
    await of;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export const everything = (ledger: OpenLedger): Promise<Generation[]> => all(ledger.export(undefined, 'everybody', new AbortController().signal));
