import type { LedgerState } from './fold.ts';
import { amountOf, isObject, textOf, type Json } from './generation-record.ts';
import type { JournalPosition, JournalRecord, WindowHold } from './journal-record.ts';
import { readRollup } from './rollup.ts';
import { isBehind } from './usage-days.ts';
import type { WindowCount } from './window-counts.ts';

/** What of the books at one moment is counted a second time. */
export interface Counted {
  readonly position: JournalPosition;
  readonly windows: ReadonlyMap<string, Readonly<WindowCount>>;
  readonly open: ReadonlySet<string>;
  readonly overruns: number;
}

/** The books as they stand. `undefined` while there are none. */
export const countedIn = ({ position, windows, open, overruns }: LedgerState): Counted | undefined =>
  position && { position, windows: new Map([...windows.counts].map(([id, count]) => [id, { ...count }])), open: new Set(open.keys()), overruns };

interface Held {
  readonly windows: readonly WindowHold[];
  readonly bound: Json;
}

const isWindow = (id: string): boolean => id.startsWith('client/') && id.split('/').length === 5;
const unitOf = (id: string): string => id.split('/')[2] ?? '';
const said = ({ settled, reserved, overrun }: WindowCount): string => `${settled} settled, ${reserved} reserved, ${overrun} beyond`;
const isSame = (one: Readonly<WindowCount>, other: Readonly<WindowCount> | undefined): boolean => one.settled === other?.settled && one.reserved === other.reserved && one.overrun === other.overrun;

/**
 * Counts a second time what the journal adds up to, in its own way: what `fold.ts` and `window-counts.ts` do wrong is not done here. Forgets nothing by
 * itself but what the books have forgotten.
 */
export class Recount {
  readonly #windows = new Map<string, WindowCount>();
  readonly #open = new Map<string, Held>();
  readonly #problems = new Set<string>();
  readonly #launch: JournalPosition | undefined;
  #overruns = 0;
  #position: JournalPosition | undefined;

  /** `launch`: up to where others wrote. What a recovery lost there is no mistake of ours. */
  constructor(launch: JournalPosition | undefined) {
    this.#launch = launch;
  }

  get position(): JournalPosition | undefined {
    return this.#position;
  }

  add(record: JournalRecord, position: JournalPosition): void {
    this.#position = position;
    if (record.type === 'RESERVE') this.#reserve(record.id, record);
    else if (record.type === 'SETTLE' || record.type === 'VOID' || record.type === 'EXPIRE') this.#end(record, position);
    else if (record.type === 'ROLLUP') this.#begin(record.state);
  }

  /** What differs from the books, and forgets what they have forgotten. */
  compare({ windows, open, overruns }: Counted): readonly string[] {
    const differences = [...this.#problems];
    for (const [id, count] of windows) {
      const mine = this.#windows.get(id);
      if (!isSame(count, mine)) differences.push(`${id}: the daemon has ${said(count)}; the journal ${mine === undefined ? 'nothing' : said(mine)}`);
    }
    for (const [id, count] of this.#windows) {
      if (windows.has(id)) continue;
      if (count.reserved === 0n) this.#windows.delete(id);
      else differences.push(`${id}: the daemon has nothing; the journal ${said(count)}`);
    }
    for (const id of open) if (!this.#open.has(id)) differences.push(`${id}: the daemon has it open; the journal has not`);
    for (const id of this.#open.keys()) if (!open.has(id)) differences.push(`${id}: the journal has it open; the daemon has not`);
    if (overruns !== this.#overruns) differences.push(`the daemon has ${overruns} calls that came to more than they had reserved; the journal ${this.#overruns}`);
    return differences;
  }

  #reserve(id: string, { windows, request }: { readonly windows: readonly WindowHold[]; readonly request: Json }): void {
    this.#open.set(id, { windows, bound: request });
    for (const { window, amount } of windows) this.#count(window, 0n, BigInt(amount), 0n);
  }

  #end(record: JournalRecord & { readonly type: 'SETTLE' | 'VOID' | 'EXPIRE' }, position: JournalPosition): void {
    const { id } = record;
    const held = this.#open.get(id);
    if (held === undefined) {
      if (this.#launch === undefined || isBehind(position, this.#launch)) this.#problems.add(`${id}: it ends in the journal though it is not open there`);
      return;
    }
    this.#open.delete(id);
    const charge = record.type === 'SETTLE' && isObject(record.generation['charge']) ? record.generation['charge'] : {};
    const spent = (unit: string): bigint => (record.type !== 'SETTLE' ? 0n : unit === 'requests' ? 1n : (amountOf(charge[unit]) ?? 0n));
    for (const { window, amount } of held.windows) {
      const [mine, hold] = [spent(unitOf(window)), BigInt(amount)];
      this.#count(window, mine, -hold, record.type === 'SETTLE' && mine > hold ? mine - hold : 0n);
    }
    const isMore = (unit: string, bound: bigint | undefined): boolean => bound !== undefined && spent(unit) > bound;
    if (isMore('tokens', amountOf(held.bound['bound_tokens']) ?? 0n) || isMore('pico_usd', amountOf(held.bound['bound_pico_usd']))) this.#overruns++;
  }

  #count(id: string, settled: bigint, reserved: bigint, overrun: bigint): void {
    if (!isWindow(id)) return;
    const count = this.#windows.get(id) ?? { settled: 0n, reserved: 0n, overrun: 0n };
    count.settled += settled;
    count.reserved += reserved;
    count.overrun += overrun;
    this.#windows.set(id, count);
  }

  /** A ROLLUP stands for all that was before it. */
  #begin(state: Json): void {
    const { base } = readRollup(state);
    this.#windows.clear();
    for (const [id, count] of base.windows.counts) this.#windows.set(id, { ...count });
    this.#open.clear();
    for (const { id, windows, request } of base.open) this.#open.set(textOf(id), { windows, bound: request });
    this.#overruns = base.overruns;
  }
}
