import type { JournalRecord } from '../journal-record.ts';

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value);
const isAmount = (value: unknown): boolean => typeof value === 'string' && /^-?\d{1,40}$/.test(value);
const isHold = (value: unknown): boolean => isFields(value) && isText(value['window']) && isAmount(value['amount']);

/** What each type must hold. */
const SHAPES: Readonly<Record<JournalRecord['type'], (record: Fields) => boolean>> = {
  RESERVE: ({ id, client, tier, windows, request }) => isText(id) && isText(client) && isText(tier) && Array.isArray(windows) && windows.every(isHold) && isFields(request),
  ATTEMPT: ({ id, provider, model }) => isText(id) && isText(provider) && isText(model),
  CHECKPOINT: ({ id, outputTokens }) => isText(id) && isCount(outputTokens),
  SETTLE: ({ id, generation }) => isText(id) && isFields(generation),
  VOID: ({ id, reason }) => isText(id) && isText(reason),
  EXPIRE: ({ id }) => isText(id),
  IMPORT: ({ id, generation }) => isText(id) && isFields(generation),
  CLEAR: ({ before }) => isCount(before),
  RAISE: ({ client, until, limits }) => isText(client) && isCount(until) && isFields(limits),
  ROLLUP: ({ state }) => isFields(state),
};

const isKnownType = (type: unknown): type is JournalRecord['type'] => typeof type === 'string' && Object.hasOwn(SHAPES, type);

export const isJournalRecord = (value: unknown): value is JournalRecord => isFields(value) && isKnownType(value['type']) && isCount(value['time']) && SHAPES[value['type']](value);

/** What a line's JSON is. */
export type ParsedRecord =
  | { readonly record: JournalRecord; readonly problem?: undefined }
  /** `isNewer`: a type that this version does not know; else it is no record of its type. */
  | { readonly record?: undefined; readonly problem: string; readonly isNewer: boolean };

export function parseRecord(json: string): ParsedRecord {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { problem: 'a line that is no JSON', isNewer: false };
  }
  if (isJournalRecord(value)) return { record: value };
  const type = isFields(value) && typeof value['type'] === 'string' ? value['type'] : undefined;
  if (type !== undefined && !isKnownType(type)) return { problem: `a record of the type ${JSON.stringify(type.slice(0, 40))}, which this version of Tollgate does not know: update Tollgate`, isNewer: true };
  return { problem: `a ${type ?? 'record'} that lacks what it must have`, isNewer: false };
}
