import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './children.ts';
import { finding, type Outcome } from './findings.ts';
import type { LedgerCost } from './ledger.ts';
import { timeToServe } from './measure-start.ts';
import { median } from './median.ts';
import type { LedgerScenario } from './scenarios.ts';
import type { Tools } from './tools.ts';

const LEDGER = fileURLToPath(new URL('ledger.ts', import.meta.url));
const GROW_MS = 10 * 60_000;

export interface LedgerRun {
  readonly checkout: string;
  readonly tools: Tools;
  readonly workspace: string;
  readonly rounds: number;
}

interface Measured extends LedgerCost {
  /** From spawn to serving, with the snapshot and without. */
  readonly readyMs: number;
  readonly rebuiltMs: number;
}

const labelOf = (records: number): string => `${records.toLocaleString('en')} records`;

/** Makes a journal of each length with the real writer, then measures the books of all of them in turn. */
export async function measureLedger(scenario: LedgerScenario, { checkout, tools, workspace, rounds }: LedgerRun): Promise<Outcome> {
  const homeOf = (records: number): string => join(workspace, `ledger-${records}`);
  const node = (...args: readonly string[]): readonly string[] => tools.on(1, [process.execPath, LEDGER, ...args]);
  const ready = (records: number): Promise<number> => timeToServe({ tools, checkout, home: homeOf(records), log: join(workspace, 'ledger.log') });
  for (const records of scenario.records) {
    await runChild(node('grow', homeOf(records), String(records)), GROW_MS);
    // The first start makes the other files of the home.
    await ready(records);
  }
  const results: Record<string, Measured>[] = [];
  for (let round = 0; round < rounds; round++) {
    const result: Record<string, Measured> = {};
    for (const records of scenario.records) {
      const readyMs = await ready(records);
      await rm(join(homeOf(records), 'state/usage.json'));
      const rebuiltMs = await ready(records);
      result[labelOf(records)] = { readyMs, rebuiltMs, ...(JSON.parse(await runChild(node('cost', homeOf(records)), GROW_MS)) as LedgerCost) };
    }
    results.push(result);
  }
  const each = (records: number, field: keyof Measured): readonly number[] => results.map((result) => result[labelOf(records)]?.[field] ?? Number.NaN);
  const fields = Object.keys(results[0]?.[labelOf(scenario.records[0] ?? 0)] ?? {}) as (keyof Measured)[];
  const [least = 0] = scenario.records;
  const most = scenario.records.at(-1) ?? 0;
  const readyIn = scenario.ready.flatMap(({ records, must, goal }) => [
    finding({ title: `ready with ${labelOf(records)}`, unit: ' ms', must, goal, better: 'less' }, each(records, 'readyMs')),
    finding({ title: `ready with ${labelOf(records)} and no snapshot`, unit: ' ms', must, goal, better: 'less' }, each(records, 'rebuiltMs')),
  ]);
  const grown = each(most, 'cpuUsPerCall').map((us, round) => us / (each(least, 'cpuUsPerCall')[round] ?? Number.NaN));
  return {
    scenario: scenario.name,
    title: scenario.title,
    rows: Object.fromEntries(scenario.records.map((records) => [labelOf(records), Object.fromEntries(fields.map((field) => [field, median(each(records, field))]))])),
    rounds: results,
    findings: [
      ...readyIn,
      finding({ title: `CPU of a call's books: ${labelOf(most)} ÷ ${labelOf(least)}`, unit: '×', better: 'less', ...scenario.growth }, grown),
      finding({ title: 'snapshot', unit: ' MB', better: 'less', ...scenario.snapshotMb }, each(most, 'snapshotMb')),
      finding({ title: 'event loop held up while a snapshot is written', unit: ' ms', better: 'less', ...scenario.stallMs }, each(most, 'snapshotStallMs')),
    ],
  };
}
