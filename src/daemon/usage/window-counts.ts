import type { WindowHold } from './journal-record.ts';
import { overEverywhere, parseWindow, PERIODS, type Period, type Unit } from './quota-window.ts';

/** One window's counter. It is what the journal adds up to, and nothing else. */
export interface WindowCount {
  settled: bigint;
  /** Held by calls that run. */
  reserved: bigint;
  /** What calls came to beyond what they had reserved. */
  overrun: bigint;
}

export interface WindowCounts {
  /** By the window's id. */
  readonly counts: Map<string, WindowCount>;
  /** The latest window of each counter: there is no way back to an earlier one, whatever the clock says. */
  readonly latest: Map<string, string>;
  /** A counter that is not known begins no earlier than this: it may be one that was forgotten. */
  readonly floorMs: Record<Period, number>;
}

/** What a call came to, by unit. */
export type Charge = Readonly<Record<Unit, bigint>>;

/** A window is forgotten when it has been over for so long: a clock that is put back by less finds it. */
const KEPT_MS = 4 * 86_400_000;

export const noWindows = (): WindowCounts => ({ counts: new Map(), latest: new Map(), floorMs: { minute: 0, hour: 0, day: 0, month: 0 } });

function forgetIfOver({ counts, latest }: WindowCounts, id: string): void {
  const window = parseWindow(id);
  const count = counts.get(id);
  if (window !== undefined && count?.reserved === 0n && latest.get(window.counter) !== window.span) counts.delete(id);
}

export function hold(windows: WindowCounts, holds: readonly WindowHold[]): void {
  for (const { window: id, amount } of holds) {
    const window = parseWindow(id);
    if (window === undefined) continue;
    const before = windows.latest.get(window.counter);
    if (before === undefined || before < window.span) windows.latest.set(window.counter, window.span);
    const count = windows.counts.get(id);
    if (count === undefined) windows.counts.set(id, { settled: 0n, reserved: BigInt(amount), overrun: 0n });
    else count.reserved += BigInt(amount);
    if (before !== undefined && before < window.span) forgetIfOver(windows, `${window.counter}/${before}`);
  }
}

/** Ends a hold: what the call came to stands in the windows that it was reserved in. Without a charge everything is given back. */
export function release(windows: WindowCounts, holds: readonly WindowHold[], charge?: Charge): void {
  for (const { window: id, amount } of holds) {
    const window = parseWindow(id);
    const count = windows.counts.get(id);
    if (window === undefined || count === undefined) continue;
    const held = BigInt(amount);
    const spent = charge?.[window.unit] ?? 0n;
    count.reserved -= held;
    count.settled += spent;
    if (spent > held) count.overrun += spent - held;
    forgetIfOver(windows, id);
  }
}

/** Forgets the windows that are long over. */
export function forgetOld({ counts, latest, floorMs }: WindowCounts, newestMs: number): void {
  for (const [counter, span] of latest) {
    const id = `${counter}/${span}`;
    const window = parseWindow(id);
    if (window === undefined || (counts.get(id)?.reserved ?? 0n) > 0n) continue;
    const over = overEverywhere(window.period, span);
    if (over > newestMs - KEPT_MS) continue;
    counts.delete(id);
    latest.delete(counter);
    floorMs[window.period] = Math.max(floorMs[window.period], over);
  }
}

export const writeWindows = ({ counts, latest, floorMs }: WindowCounts): Readonly<Record<string, unknown>> => ({
  counts: Object.fromEntries([...counts].map(([id, { settled, reserved, overrun }]) => [id, `${settled} ${reserved} ${overrun}`])),
  // A counter's latest window nearly always stands among the counts.
  latest: [...latest].flatMap(([counter, span]) => (counts.has(`${counter}/${span}`) ? [] : [`${counter}/${span}`])),
  floors: PERIODS.map((period) => floorMs[period]),
});

export function readWindows(json: Readonly<Record<string, unknown>>): WindowCounts {
  const windows = noWindows();
  const note = (id: string): void => {
    const window = parseWindow(id);
    if (window !== undefined && (windows.latest.get(window.counter) ?? '') < window.span) windows.latest.set(window.counter, window.span);
  };
  for (const [id, text] of Object.entries(json['counts'] ?? {})) {
    const [settled = '0', reserved = '0', overrun = '0'] = String(text).split(' ');
    windows.counts.set(id, { settled: BigInt(settled), reserved: BigInt(reserved), overrun: BigInt(overrun) });
    note(id);
  }
  if (Array.isArray(json['latest'])) for (const id of json['latest']) note(String(id));
  if (Array.isArray(json['floors'])) for (const [at, period] of PERIODS.entries()) windows.floorMs[period] = Number(json['floors'][at] ?? 0);
  return windows;
}
