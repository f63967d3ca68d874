import type { UsageRow } from '../../gen/tollgate/v1/usage_service.ts';
import { type Column, table } from './table.ts';
import { rowCost, tokensText } from './usage-row.ts';

const NUMBERS: readonly Column[] = ['REQUESTS', 'FAILED', 'IN', 'OUT', 'COST'].map((head) => ({ head, align: 'right' }));
/** Between two columns. */
const GAP = 2;
const MIN_NAME = 12;

/** The head of a name stays, and its end, which tells models of one family apart. */
export function shortened(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  const end = Math.floor((width - 1) / 2);
  return `${characters.slice(0, width - 1 - end).join('')}…${characters.slice(-end).join('')}`;
}

const cells = (row: UsageRow): string[] => [
  String(row.requestCount), row.errorCount === 0n ? '' : String(row.errorCount), tokensText(row.usage?.inputTokens), tokensText(row.usage?.outputTokens), rowCost(row),
];

/** What the columns of numbers take, with the gaps before them. */
const widthOfNumbers = (rows: readonly (readonly string[])[]): number =>
  NUMBERS.reduce((sum, { head }, at) => sum + GAP + Math.max(head.length, ...rows.map((row) => row[at]?.length ?? 0)), 0);

/**
 * Groups of usage as a table, each named by `names`, under `heads`. Long names are shortened so that a line fits into `width`; undefined
 * is no limit.
 */
export async function usageTable(heads: readonly string[], rows: readonly UsageRow[], names: (row: UsageRow) => readonly string[], width: number | undefined, total?: UsageRow): Promise<string> {
  const numbers = [...rows, ...(total === undefined ? [] : [total])].map(cells);
  const room = width === undefined ? undefined : Math.max(MIN_NAME, Math.floor((width - widthOfNumbers(numbers) + GAP) / heads.length) - GAP);
  const fit = (name: string): string => (room === undefined ? name : shortened(name, room));
  const named = [...rows.map(names), ...(total === undefined ? [] : [['total', ...heads.slice(1).map(() => '')]])];
  return table([...heads.map((head) => ({ head: fit(head) })), ...NUMBERS], named.map((line, at) => [...line.map(fit), ...(numbers[at] ?? [])]));
}
