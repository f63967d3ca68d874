import { Cost_Provenance, type Cost } from '../../gen/tollgate/v1/content.ts';
import type { Summary, UsageRow } from '../../gen/tollgate/v1/usage_service.ts';
import { dayAfter, monthAfter, monthOf } from './calendar.ts';
import { gather, type Facts, type Sources } from './gather.ts';
import { askedCalendar } from './query-usage.ts';
import { selectionOf } from './selection.ts';
import { costOf, int64, noSums, rowOf, usageOf, type Sums } from './sums.ts';
import type { UsageSummary, Who } from './usage-book.ts';

const HOUR_MS = 3_600_000;

/** Sums of one span of time, as a whole and by who was asked. */
interface Collected {
  readonly all: Sums;
  readonly byProvider: Map<string, Sums>;
  readonly byModel: Map<string, Sums>;
}

const collected = (): Collected => ({ all: noSums(), byProvider: new Map(), byModel: new Map() });

const sumsIn = (map: Map<string, Sums>, key: string): Sums => {
  let sums = map.get(key);
  if (sums === undefined) map.set(key, (sums = noSums()));
  return sums;
};

function collect({ all, byProvider, byModel }: Collected, { provider, model }: Facts, addTo: (sums: Sums) => void): void {
  addTo(all);
  addTo(sumsIn(byProvider, provider));
  addTo(sumsIn(byModel, model));
}

/** The dearest first; of those that cost the same, or nobody knows what, the busiest. */
const dearestFirst = (map: ReadonlyMap<string, Sums>, key: string): UsageRow[] =>
  [...map]
    .sort(([oneName, one], [otherName, other]) => Number((other.expected ?? 0n) - (one.expected ?? 0n) > 0n) - Number((other.expected ?? 0n) - (one.expected ?? 0n) < 0n) || other.requests - one.requests || (oneName < otherName ? -1 : 1))
    .map(([name, sums]) => rowOf({ [key]: name }, sums));

function summaryOf({ all, byProvider, byModel }: Collected): Summary {
  const usage = usageOf(all);
  return {
    inputTokens: usage?.inputTokens,
    outputTokens: usage?.outputTokens,
    requestCount: BigInt(all.requests),
    successRate: all.requests === 0 ? undefined : (all.requests - all.errors) / all.requests,
    cost: costOf(all),
    byProvider: dearestFirst(byProvider, 'provider'),
    byModel: dearestFirst(byModel, 'model'),
  };
}

/** Month to date ÷ time gone × the whole month, rounded up. undefined in the first hour, and while nothing is known. */
function projected(cost: Cost, elapsedMs: number, monthMs: number): Cost | undefined {
  if (elapsedMs < HOUR_MS || cost.expectedPicoUsd === undefined) return undefined;
  const scale = (amount: bigint | undefined): bigint | undefined => {
    if (amount === undefined) return undefined;
    const gone = BigInt(elapsedMs);
    return int64((amount * BigInt(monthMs) + gone - 1n) / gone);
  };
  return {
    expectedPicoUsd: scale(cost.expectedPicoUsd),
    lowPicoUsd: scale(cost.lowPicoUsd),
    highPicoUsd: scale(cost.highPicoUsd),
    provenance: Cost_Provenance.ESTIMATED,
    priceVersion: cost.priceVersion,
  };
}

/** Today and this month, by the days and months of a time zone. Throws REQUEST_INVALID naming `time_zone`. */
export async function summarize(sources: Sources, timeZone: string, who: Who, nowMs: number): Promise<UsageSummary> {
  const calendar = askedCalendar(timeZone, sources.state.days.calendar);
  const today = calendar.dayOf(nowMs);
  const startMs = calendar.startOfMonth(monthOf(today));
  const monthEndMs = calendar.startOfMonth(monthAfter(monthOf(today)));
  const endMs = calendar.startOfDay(dayAfter(today));
  const ofToday = collected();
  const ofMonth = collected();
  const days = new Map<string, Sums>();
  for (let day = calendar.dayOf(startMs); day <= today; day = dayAfter(day)) days.set(day, noSums());
  const selection = selectionOf(undefined, who);
  if (selection !== undefined) {
    await gather(sources, { startMs, endMs, selection, calendar, byHour: false, byLabels: [], byModel: true }, (facts, addTo) => {
      const day = calendar.dayOf(facts.timeMs);
      collect(ofMonth, facts, addTo);
      if (day === today) collect(ofToday, facts, addTo);
      addTo(sumsIn(days, day));
    });
  }
  const month = summaryOf(ofMonth);
  return {
    today: summaryOf(ofToday),
    month,
    projectedMonth: month.cost === undefined ? undefined : projected(month.cost, Math.trunc(nowMs - startMs), monthEndMs - startMs),
    days: [...days].map(([day, sums]) => rowOf({ day }, sums)),
  };
}
