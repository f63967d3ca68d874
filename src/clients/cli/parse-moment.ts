import { parseDuration } from '../../duration.ts';

const DATE = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?$/;

/** Midnight here at the start of a day, or of a month; undefined for a day that no month has. */
function midnight([, year, month, day = '01']: RegExpExecArray): Date | undefined {
  const date = new Date(Number(year), Number(month) - 1, Number(day));
  return date.getMonth() === Number(month) - 1 && date.getDate() === Number(day) ? date : undefined;
}

/**
 * A time as people write it: how long ago ("7d", "12h"), a day or a month of this machine's time zone ("2026-11-01", "2026-11"), or
 * a time of a day ("2026-11-01T09:30", "…Z"). Undefined for any other text.
 */
export function parseMoment(text: string, nowMs = Date.now()): Date | undefined {
  const ago = parseDuration(text);
  const date = DATE.exec(text);
  const moment = ago !== undefined ? new Date(nowMs - ago) : date !== null ? midnight(date) : TIME.test(text) ? new Date(text) : undefined;
  // JSON knows four digits of a year; and what is none has no time.
  return moment !== undefined && moment.getTime() > Date.UTC(1, 0) && moment.getTime() <= 253_402_300_799_999 ? moment : undefined;
}
