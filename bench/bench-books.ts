import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_USAGE_CONFIG, type UsageConfig } from '../src/daemon/config/usage-config.ts';
import { makeLogger } from '../src/daemon/logger.ts';
import type { Clock } from '../src/daemon/usage/clock.ts';
import { openJournal } from '../src/daemon/usage/journal/open-journal.ts';
import type { OpenGeneration } from '../src/daemon/usage/ledger.ts';
import { openLedger } from '../src/daemon/usage/open-ledger.ts';
import { Attempt_Outcome, Cost_Provenance, FinishReason, type Cost } from '../src/gen/tollgate/v1/content.ts';
import { UsageSource } from '../src/gen/tollgate/v1/usage_service.ts';

/** The books of a home, as its daemon has them, without the daemon. */
export interface BenchBooks {
  /** One generation from its reservation to its end: three records. */
  call(number: number): Promise<void>;
  /** Writes the snapshot. */
  close(): Promise<void>;
}

export const RECORDS_PER_CALL = 3;

const CLIENTS = 20;
const PROVIDERS = ['openai', 'anthropic', 'google', 'groq'];
const MODELS_EACH = 3;

/** What a user may have: a few limits, far away. */
const config: UsageConfig = {
  ...DEFAULT_USAGE_CONFIG,
  tiers: { premium: { limits: { 'requests/month': 10n ** 9n, 'tokens/day': 10n ** 12n, 'pico_usd/month': 10n ** 18n }, timeZone: undefined, providers: undefined, models: undefined, shadow: false } },
};

const cost: Cost = { expectedPicoUsd: 1_234_567_890n, lowPicoUsd: 1_234_567_890n, highPicoUsd: 1_234_567_890n, provenance: Cost_Provenance.PRICED, priceVersion: 'genai-prices 0.1.8' };
const usage = { inputTokens: 1234n, outputTokens: 567n, cacheReadInputTokens: 1000n };

function settle(open: OpenGeneration, provider: string, model: string, nowMs: number): Promise<void> {
  const startTime = new Date(nowMs - 2100);
  return open.settle({
    startTime, durationMs: 2100, timeToFirstTokenMs: 340, finishReason: FinishReason.STOP, statusReason: '', usage, usageSource: UsageSource.REPORTED, cost, provider, responseModel: model,
    attempts: [{ attempt: 1, provider, model, keyLabel: '', outcome: Attempt_Outcome.SUCCEEDED, reason: '', message: '', httpStatus: 200, startTime, duration: { seconds: 2n, nanos: 1e8 }, usage, cost }],
  });
}

/** Opens the books of a home. */
export async function openBooks(home: string, clock: Clock): Promise<BenchBooks> {
  const state = join(home, 'state');
  await mkdir(state, { recursive: true, mode: 0o700 });
  const log = makeLogger('warn', process.stderr);
  const journal = await openJournal({ dir: join(state, 'journal'), log, clock: () => clock.now() });
  await journal.whenWritable();
  const ledger = await openLedger({ journal, snapshotFile: join(state, 'usage.json'), config: () => config, log, crashCost: () => cost, clock });
  const launch = Date.now().toString(36);
  return {
    async call(number) {
      const provider = PROVIDERS[number % PROVIDERS.length] ?? '';
      const model = `${provider}-model-${number % MODELS_EACH}`;
      const open = await ledger.reserve({
        generationId: `gen_${launch}-${String(number).padStart(25, '0')}`, client: `app-${number % CLIENTS}`, tier: 'premium', model: `${provider}/${model}`, labels: { team: 'search' }, embedding: false,
        bound: { tokens: 20_000n, picoUsd: 200_000_000_000n, inputTokens: 4000n },
      });
      await open.attempt(provider, model);
      await settle(open, provider, model, clock.now());
    },
    async close() {
      await ledger.close();
      await journal.close();
    },
  };
}

/** Runs calls, so many at a time. */
export async function callMany(books: BenchBooks, count: number, atATime: number, onCall: (tookMs: number) => void = () => {}): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (next < count) {
        const startMs = performance.now();
        await books.call(next++);
        onCall(performance.now() - startMs);
      }
    }),
  );
}
