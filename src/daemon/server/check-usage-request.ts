import type { UsageFilter } from '../../gen/tollgate/v1/usage_service.ts';
import type { Violations } from './violations.ts';

/** The years that a Timestamp may name. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** A time outside of its years becomes a Date without a time. */
const isTime = (date: Date): boolean => date.getTime() >= FIRST_MS && date.getTime() <= LAST_MS;

/** Checks a span of time: both ends are times, and the second is the later one. */
export function checkSpan(start: Date | undefined, end: Date | undefined, path: string, violations: Violations): void {
  violations.checkSet(start, isTime, `${path}start_time`, 'must be from the year 1 to 9999');
  violations.checkSet(end, isTime, `${path}end_time`, 'must be from the year 1 to 9999');
  if (start !== undefined && end !== undefined) violations.check(!(start > end), `${path}end_time`, 'must not be before start_time');
}

/** Checks which generations a request chooses. */
export function checkFilter(filter: UsageFilter | undefined, violations: Violations): void {
  if (filter === undefined) return;
  checkSpan(filter.startTime, filter.endTime, 'filter.', violations);
  for (const field of ['client', 'provider', 'model'] as const) {
    violations.check(Buffer.byteLength(filter[field]) <= 512, `filter.${field}`, 'must be at most 512 bytes');
  }
  violations.check(Object.keys(filter.labels).length <= 16, 'filter.labels', 'at most 16 are allowed');
}

/** Checks a time that is needed. */
export function checkTime(time: Date | undefined, field: string, violations: Violations): time is Date {
  return violations.check(time !== undefined && isTime(time), field, 'a time from the year 1 to 9999 is needed');
}
