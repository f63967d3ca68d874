import type { Duration } from '../../gen/google/protobuf/duration.ts';
import type { Cost, TokenUsage } from '../../gen/tollgate/v1/content.ts';
import { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { durationMs } from '../../duration.ts';
import { CLIENT_NAME } from '../access/caller.ts';
import { invalidRequest } from '../failure.ts';
import { checkTime } from './check-usage-request.ts';
import { Violations } from './violations.ts';

/** More than any generation that a daemon records. */
const MAX_BYTES = 64 * 1024;
/** How far another daemon's clock may be ahead. */
const MAX_AHEAD_MS = 86_400_000;
const MAX_SPAN_MS = 366 * 86_400_000;

function checkAmounts(usage: TokenUsage | undefined, cost: Cost | undefined, path: string, violations: Violations): void {
  const notNegative = (amounts: object | undefined): boolean => Object.values(amounts ?? {}).every((amount) => typeof amount !== 'bigint' || amount >= 0n);
  violations.check(notNegative(usage), `${path}.usage`, 'no count may be negative');
  violations.check(notNegative(cost), `${path}.cost`, 'no amount may be negative');
}

function checkSpans(spans: Readonly<Record<string, Duration | undefined>>, path: string, violations: Violations): void {
  const isSpan = (span: Duration): boolean => span.seconds >= 0n && span.nanos >= 0 && span.nanos < 1e9 && durationMs(span) <= MAX_SPAN_MS;
  for (const [field, span] of Object.entries(spans)) violations.checkSet(span, isSpan, `${path}.${field}`, 'must be from nothing to 366 days');
}

/** Checks that a generation of another daemon can stand beside our own. Throws REQUEST_INVALID naming every wrong field. */
export function checkImported(generation: Generation | undefined): Generation {
  if (generation === undefined) throw invalidRequest([{ field: 'generation', description: 'is needed' }]);
  const violations = new Violations();
  const { generationId, client, settleTime, startTime, labels, attempts } = generation;
  violations.check(generationId !== '' && Buffer.byteLength(generationId) <= 128, 'generation.generation_id', 'must be 1 to 128 bytes');
  violations.check(CLIENT_NAME.test(client), 'generation.client', 'must be 1 to 64 letters, digits, ".", "_", "@" or "-", beginning with a letter or digit');
  if (checkTime(settleTime, 'generation.settle_time', violations)) {
    violations.check(settleTime.getTime() <= Date.now() + MAX_AHEAD_MS, 'generation.settle_time', 'must not be in the future');
  }
  checkTime(startTime, 'generation.start_time', violations);
  checkSpans({ duration: generation.duration, time_to_first_token: generation.timeToFirstToken }, 'generation', violations);
  checkAmounts(generation.usage, generation.cost, 'generation', violations);
  for (const [at, attempt] of attempts.entries()) {
    const path = `generation.attempts[${at}]`;
    if (attempt.startTime !== undefined) checkTime(attempt.startTime, `${path}.start_time`, violations);
    checkSpans({ duration: attempt.duration }, path, violations);
    checkAmounts(attempt.usage, attempt.cost, path, violations);
  }
  violations.check(Object.keys(labels).length <= 16, 'generation.labels', 'at most 16 are allowed');
  violations.throwIfAny();
  // Only now: a time that is none cannot be encoded.
  violations.check(Generation.encode(generation).finish().length <= MAX_BYTES, 'generation', `must be at most ${MAX_BYTES} bytes`);
  violations.throwIfAny();
  return generation;
}
