import type { Clock } from '../clock.ts';
import { REASONS, type Reason } from '../failure.ts';
import { openPrivateJson } from '../files/private-json.ts';
import type { Logger } from '../logger.ts';
import { HealthBook, type HealthRecord } from './health-book.ts';
import { MAX_COOLDOWN_MS } from './health.ts';

const MAX_BYTES = 1024 * 1024;
/** Failures come in swarms: one write follows. */
const SETTLE_MS = 500;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const timeOf = (value: unknown): number => (typeof value === 'string' ? Date.parse(value) : Number.NaN);
const reasonOf = (value: unknown): Reason | undefined => REASONS.find((reason) => reason === value);

function parseRecord(entry: unknown, nowMs: number): HealthRecord | undefined {
  if (!isObject(entry)) return undefined;
  const { provider, key_label: label, failures } = entry;
  const reason = reasonOf(entry['reason']);
  const [lastFailureMs, coolsUntilMs] = [timeOf(entry['last_failure']), timeOf(entry['cools_until'])];
  if (typeof provider !== 'string' || typeof label !== 'string' || reason === undefined) return undefined;
  if (typeof failures !== 'number' || !Number.isSafeInteger(failures) || failures < 1 || Number.isNaN(lastFailureMs) || Number.isNaN(coolsUntilMs)) return undefined;
  // A clock that was put back while no daemon ran must not make a failure last.
  if (lastFailureMs > nowMs || coolsUntilMs > nowMs + MAX_COOLDOWN_MS) return undefined;
  return { provider, label, health: { failures, lastFailureMs, coolsUntilMs, reason } };
}

const toJson = (records: readonly HealthRecord[]): object => ({
  version: 1,
  keys: records.map(({ provider, label, health }) => ({
    provider,
    key_label: label,
    failures: health.failures,
    last_failure: new Date(health.lastFailureMs).toISOString(),
    cools_until: new Date(health.coolsUntilMs).toISOString(),
    reason: health.reason,
  })),
});

export interface OpenHealth {
  readonly book: HealthBook;
  /** Resolves when all that was learnt is on the disk, or cannot be. */
  close(): Promise<void>;
}

/** Opens `state/health.json`: what is known of failed providers outlives the daemon. It holds no secret, and a damaged one is put aside. */
export async function openHealth(path: string, clock: Clock, log: Logger): Promise<OpenHealth> {
  const nowMs = clock.wallMs();
  const file = await openPrivateJson(path, {
    parse: (json) => (isObject(json) && Array.isArray(json['keys']) ? json['keys'].flatMap((entry: unknown) => parseRecord(entry, nowMs) ?? []) : undefined),
    maxBytes: MAX_BYTES,
    onSetAside: (aside) => log.warn({ file: path, aside }, 'the health of the providers was damaged and is put aside; it is learnt anew'),
  });
  let timer: NodeJS.Timeout | undefined;
  let lastWrite: Promise<void> = Promise.resolve();
  const save = (): void => {
    timer = undefined;
    lastWrite = file.write(() => toJson(book.records())).catch((error: unknown) => log.error({ err: error }, 'cannot write the health of the providers'));
  };
  const book = new HealthBook({
    clock,
    initial: file.initial ?? [],
    onChange: () => {
      timer ??= setTimeout(save, SETTLE_MS).unref();
    },
  });
  return {
    book,
    async close() {
      if (timer !== undefined) {
        clearTimeout(timer);
        save();
      }
      await lastWrite;
    },
  };
}
