import { cpus, loadavg, totalmem, type as system, release } from 'node:os';
import { isMet, type Finding, type Outcome } from './findings.ts';
import type { Tools } from './tools.ts';

/** Where and with what it was measured. */
export interface Setting {
  readonly date: string;
  readonly command: string;
  readonly machine: string;
  /** What else ran: the load average before the first round. */
  readonly loadBefore: number;
  readonly versions: Tools['versions'];
  readonly missing: readonly string[];
  readonly rounds: number;
}

export function describeSetting(command: string, rounds: number, { versions, missing }: Tools): Setting {
  const all = cpus();
  const machine = `${all.length} × ${all[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${system()} ${release()}`;
  return { date: new Date().toISOString(), command, machine, loadBefore: loadavg()[0] ?? 0, versions, missing, rounds };
}

const number = (value: number): string => {
  if (Number.isNaN(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
};

const HEADINGS: Readonly<Record<string, string>> = {
  streamsPerSecond: 'streams/s',
  tokensPerSecond: 'tokens/s',
  ttftP50Ms: 'first token p50 ms',
  ttftP99Ms: 'p99 ms',
  tokenP50Ms: 'token latency p50 ms',
  tokenP99Ms: 'p99 ms',
  cpuUsPerStream: 'CPU µs/stream',
  cpuUsPerToken: 'CPU µs/token',
  rssMb: 'RSS MB',
  errors: 'errors',
  generatorCpuPercent: 'core of mock and load, %',
  baseMb: 'RSS MB, none open',
  openMb: 'RSS MB, all open',
  perStreamKb: 'KB per stream',
  medianMs: 'median ms',
  fastestMs: 'fastest ms',
  p50Ms: 'p50 ms',
  p99Ms: 'p99 ms',
  count: 'generations',
  readyMs: 'ready ms',
  rebuiltMs: 'ready ms, no snapshot',
  openMs: 'books open ms',
  callP50Ms: 'call p50 ms, 64 at a time',
  cpuUsPerCall: 'CPU µs/call',
  snapshotMb: 'snapshot MB',
  snapshotStallMs: 'loop held up ms, snapshot',
  idleStallMs: 'the same, idle',
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** All that one scenario measured, as medians of its rounds. */
export function outcomeTable({ title, rows }: Outcome): string {
  const labels = Object.keys(rows);
  const fields = Object.keys(rows[labels[0] ?? ''] ?? {}).filter((field) => labels.some((label) => !Number.isNaN(rows[label]?.[field])));
  return `### ${title}\n\n${table(['', ...fields.map((field) => HEADINGS[field] ?? field)], labels.map((label) => [label, ...fields.map((field) => number(rows[label]?.[field] ?? Number.NaN))]))}\n`;
}

const verdict = (finding: Finding): string => (isMet(finding, finding.goal) ? 'goal met' : isMet(finding, finding.must) ? 'must met' : '**missed**');

function findingRow(finding: Finding): readonly string[] {
  const { title, unit, better, median, rounds, must, goal } = finding;
  const sign = better === 'more' ? '≥' : '≤';
  const bound = (value: number): string => `${sign} ${value}${unit}`;
  return [title, `${number(median)}${unit}`, `${number(Math.min(...rounds))}–${number(Math.max(...rounds))}`, bound(must), bound(goal), verdict(finding)];
}

/** The judged numbers with where they come from: the table that the README shows. */
export function summary({ command, machine, loadBefore, versions, missing, rounds, date }: Setting, outcomes: readonly Outcome[]): string {
  const findings = outcomes.flatMap((outcome) => outcome.findings);
  const errors = outcomes.flatMap(({ rows, scenario }) => Object.entries(rows).flatMap(([label, row]) => ((row['errors'] ?? 0) > 0 ? [`${scenario}: ${label} had errors; its numbers mean nothing.`] : [])));
  const lines = [
    table(['what', 'median', 'rounds', 'must', 'goal', ''], findings.map(findingRow)),
    '',
    `\`${command}\`, ${date.slice(0, 10)}, ${rounds} interleaved rounds. ${machine}; load average before ${loadBefore.toFixed(1)}.`,
    `Node ${versions['node']}, nginx ${versions['nginx']}, ${versions['mock']}, ${versions['load']}. Gateway on core 1, mock and load on core 0. Auth and log on.`,
    ...missing.map((what) => `Not here: ${what}.`),
    ...errors,
  ];
  return `${lines.join('\n')}\n`;
}
