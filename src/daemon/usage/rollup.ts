import { isTier, type Tier } from '../access/caller.ts';
import type { LedgerState, OpenReservation, Raise } from './fold.ts';
import { isObject, textOf, type Json } from './generation-record.ts';
import type { WindowHold } from './journal-record.ts';
import { readDaySums, writeDaySums, type DaySums } from './usage-days.ts';
import { readWindows, writeWindows, type WindowCounts } from './window-counts.ts';

/** What of the state is no sum of a day. */
export interface StateBase {
  readonly open: readonly OpenReservation[];
  readonly windows: WindowCounts;
  readonly raises: ReadonlyMap<string, Raise>;
  readonly tiers: ReadonlyMap<string, Tier>;
  readonly labelValues: ReadonlyMap<string, readonly string[]>;
  readonly overruns: number;
  readonly newestSettleMs: number;
  readonly newestReserveMs: number;
}

/** A day whose records are gone: its sums, and which generations they were. */
export interface RolledDay {
  readonly day: string;
  readonly sums: DaySums;
  /** `idMark` of each. */
  readonly ids: readonly string[];
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const entries = (value: unknown): readonly (readonly [string, unknown])[] => (isObject(value) ? Object.entries(value) : []);
const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** What it returns does not change with the state: it may be written later. */
export const writeBase = (state: LedgerState): Json => ({
  open: [...state.open.values()].map((open) => ({ ...open, attempts: [...open.attempts] })),
  windows: writeWindows(state.windows),
  raises: Object.fromEntries(state.raises),
  tiers: Object.fromEntries(state.tiers),
  label_values: Object.fromEntries([...state.days.labelValues].map(([name, values]) => [name, [...values]])),
  overruns: state.overruns,
  newest_settle: state.newestSettleMs,
  newest_reserve: state.newestReserveMs,
});

const readHold = (json: Json): WindowHold => ({ window: textOf(json['window']), amount: textOf(json['amount']) });

const readOpen = (json: Json): OpenReservation => ({
  id: textOf(json['id']),
  time: number(json['time']),
  client: textOf(json['client']),
  tier: textOf(json['tier']),
  windows: list(json['windows']).filter(isObject).map(readHold),
  request: isObject(json['request']) ? json['request'] : {},
  attempts: list(json['attempts']).filter(isObject).map((attempt) => ({ provider: textOf(attempt['provider']), model: textOf(attempt['model']), time: number(attempt['time']) })),
  outputTokens: number(json['outputTokens']),
});

export const readBase = (json: Json): StateBase => ({
  open: list(json['open']).filter(isObject).map(readOpen),
  windows: readWindows(isObject(json['windows']) ? json['windows'] : {}),
  raises: new Map(entries(json['raises']).flatMap(([client, raise]) => (isObject(raise) ? [[client, { until: number(raise['until']), limits: isObject(raise['limits']) ? raise['limits'] : {} }] as const] : []))),
  tiers: new Map(entries(json['tiers']).flatMap(([client, tier]) => (typeof tier === 'string' && isTier(tier) ? [[client, tier] as const] : []))),
  labelValues: new Map(entries(json['label_values']).map(([name, values]) => [name, list(values).map(String)])),
  overruns: number(json['overruns']),
  newestSettleMs: number(json['newest_settle']),
  newestReserveMs: number(json['newest_reserve']),
});

const writeDay = ({ day, sums, ids }: RolledDay): Json => ({ day, ...writeDaySums(sums), ids: ids.join(' ') });

/** What a ROLLUP record holds in place of the records before it. */
export const writeRollup = (state: LedgerState, days: readonly RolledDay[]): Json => ({ base: writeBase(state), days: days.map(writeDay) });

export const readRollup = (json: Json): { readonly base: StateBase; readonly days: readonly RolledDay[] } => ({
  base: readBase(isObject(json['base']) ? json['base'] : {}),
  days: list(json['days'])
    .filter(isObject)
    .map((day) => ({ day: textOf(day['day']), sums: readDaySums(day), ids: textOf(day['ids']).split(' ').filter((id) => id !== '') })),
});
