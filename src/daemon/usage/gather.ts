import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { dayAfter, type Calendar } from './calendar.ts';
import type { LedgerState } from './fold.ts';
import { reachOf, readPast } from './history.ts';
import type { Journal } from './journal-record.ts';
import type { RolledDay } from './rollup.ts';
import { selects, selectsRow, type Selection } from './selection.ts';
import { addGeneration, addSums, type Sums } from './sums.ts';
import { modelOf, OTHER, rowParts, shownValue, type DaySums } from './usage-days.ts';

/** What a sum is asked by. */
export interface Facts {
  readonly timeMs: number;
  readonly client: string;
  readonly provider: string;
  readonly model: string;
  /** The value of a label; "" when there is none. */
  readonly label: (name: string) => string;
}

/** Takes one generation, or the sums of several, of which the same is known. */
export type Take = (facts: Facts, addTo: (sums: Sums) => void) => void;

export interface GatherQuery {
  readonly startMs: number;
  /** Not itself. */
  readonly endMs: number;
  readonly selection: Selection;
  /** Whose days, and hours, are asked for; undefined when neither. */
  readonly calendar: Calendar | undefined;
  readonly byHour: boolean;
  readonly byLabels: readonly string[];
  /** Whether provider or model are asked for. */
  readonly byModel: boolean;
}

export interface Sources {
  readonly journal: Pick<Journal, 'replay'>;
  readonly state: LedgerState;
}

type Kind = 'rows' | 'labels';

/** Which sums of a whole day answer the query; undefined when none do. */
function kindOf({ calendar, byHour, byLabels, byModel, selection }: GatherQuery, { days }: LedgerState): Kind | undefined {
  if (byHour || (calendar !== undefined && calendar.zone !== days.calendar.zone) || Object.keys(selection.labels).length > 0) return undefined;
  const [label, another] = byLabels;
  if (label === undefined) return 'rows';
  return another === undefined && days.labelNames.includes(label) && !byModel && selection.provider === '' && selection.model === '' ? 'labels' : undefined;
}

function takeSums(sums: DaySums, kind: Kind, label: string | undefined, timeMs: number, selection: Selection, take: Take): void {
  for (const [key, each] of sums[kind]) {
    const [client, two, three] = rowParts(key);
    if (kind === 'labels' && two !== label) continue;
    const row = kind === 'rows' ? { client, provider: two, model: three } : { client, provider: '', model: '' };
    if (selectsRow(selection, row)) take({ ...row, timeMs, label: () => (kind === 'labels' ? three : OTHER) }, (into) => addSums(into, each));
  }
}

function takeGeneration(generation: Generation, state: LedgerState, take: Take): void {
  const { client, provider, labels, settleTime } = generation;
  const label = (name: string): string => shownValue(state.days, name, Object.hasOwn(labels, name) ? (labels[name] ?? '') : '');
  take({ timeMs: settleTime?.getTime() ?? 0, client, provider, model: modelOf(generation), label }, (into) => addGeneration(into, generation));
}

/** A day of which only sums are left: it counts as a whole, by its first moment. */
function takeRolled({ day, sums }: RolledDay, query: GatherQuery, state: LedgerState, take: Take): void {
  const { selection, byLabels, byModel, startMs, endMs } = query;
  const timeMs = state.days.calendar.startOfDay(day);
  if (timeMs < startMs || timeMs >= endMs) return;
  const [label] = byLabels;
  const [asked, more] = Object.entries(selection.labels);
  if (asked !== undefined) {
    // Which of them had the label is known for one label alone, and not by provider or model.
    if (more !== undefined || byModel || selection.provider !== '' || selection.model !== '') return;
    takeSums(sums, 'labels', asked[0], timeMs, selection, (facts, addTo) => (facts.label(asked[0]) === asked[1] ? take(facts, addTo) : undefined));
    return;
  }
  const hasLabel = byLabels.length === 1 && !byModel && selection.provider === '' && selection.model === '' && [...sums.labels.keys()].some((key) => rowParts(key)[1] === label);
  takeSums(sums, hasLabel ? 'labels' : 'rows', label, timeMs, selection, take);
}

/**
 * Gives everything that a query is about to `take`: the sums of whole days where those are held and say enough, and what the journal has of
 * all others.
 */
export async function gather({ journal, state }: Sources, query: GatherQuery, take: Take): Promise<void> {
  const { startMs, endMs, selection } = query;
  const { days, newestSettleMs } = state;
  const { calendar } = days;
  const kind = kindOf(query, state);
  const toRead = new Set<string>();
  for (const [name, { sums }] of days.days) {
    const dayStart = calendar.startOfDay(name);
    const dayEnd = calendar.startOfDay(dayAfter(name));
    if (dayEnd <= startMs || dayStart >= endMs) continue;
    const isWhole = dayStart >= startMs && (dayEnd <= endMs || newestSettleMs < endMs);
    if (sums !== undefined && kind !== undefined && isWhole) takeSums(sums, kind, query.byLabels[0], dayStart, selection, take);
    else toRead.add(name);
  }
  const { floor } = days;
  const older = floor !== '' && startMs < calendar.startOfDay(floor);
  const reach = reachOf(state, [...toRead], older);
  if (reach === undefined) return;
  const isAsked = (day: string): boolean => toRead.has(day) || (older && day < floor);
  const isWanted = (settledMs: number): boolean => settledMs >= startMs && settledMs < endMs && isAsked(calendar.dayOf(settledMs));
  for await (const { generation, rolled } of readPast(journal, state, reach, isWanted)) {
    if (generation !== undefined && selects(selection, generation)) takeGeneration(generation, state, take);
    if (rolled !== undefined && isAsked(rolled.day)) takeRolled(rolled, query, state, take);
  }
}
