import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { finding, type Outcome } from './findings.ts';
import { median } from './median.ts';
import { processCost } from './process-cost.ts';
import { runLoad, type LoadContext } from './run-load.ts';
import type { MemoryScenario } from './scenarios.ts';
import { daemonEndpoint } from './site.ts';

/** What a daemon does not give back at once after its warm-up. */
const QUIET_MS = 3000;

export interface MemoryRun {
  readonly checkouts: Readonly<Record<string, string>>;
  readonly mockPort: number;
  readonly rounds: number;
  readonly warmUpSeconds: number;
}

/** Resident memory per open stream, of a new daemon in each round: one that was loaded before has room from then. */
export async function measureMemory(scenario: MemoryScenario, context: LoadContext, { checkouts, mockPort, rounds, warmUpSeconds }: MemoryRun): Promise<Outcome> {
  const results: Record<string, { baseKb: number; openKb: number; perStreamKb: number }>[] = [];
  for (let round = 0; round < rounds; round++) {
    const result: (typeof results)[number] = {};
    for (const [label, checkout] of Object.entries(checkouts)) {
      await using endpoint = await daemonEndpoint(context.tools, checkout, mockPort, join(context.workspace, `memory-${label}-${round}`));
      const warmUp = { model: 'mock-n100-g1', concurrency: 64, connections: 8, seconds: warmUpSeconds, settleSeconds: 0, spreadMs: 0, firstToken: false };
      await runLoad(warmUp, endpoint, context);
      await sleep(QUIET_MS);
      const baseKb = processCost(endpoint.pids()).rssKb;
      const load = { ...scenario, concurrency: scenario.streams, settleSeconds: scenario.spreadMs / 1000 + 1, firstToken: false };
      const openKb = (await runLoad(load, endpoint, context)).rssMb * 1024;
      result[label] = { baseKb, openKb, perStreamKb: (openKb - baseKb) / scenario.streams };
    }
    results.push(result);
  }
  const perStream = (label: string): readonly number[] => results.map((result) => result[label]?.perStreamKb ?? Number.NaN);
  const rowOf = (label: string) => ({
    baseMb: median(results.map((result) => (result[label]?.baseKb ?? Number.NaN) / 1024)),
    openMb: median(results.map((result) => (result[label]?.openKb ?? Number.NaN) / 1024)),
    perStreamKb: median(perStream(label)),
  });
  const labels = Object.keys(checkouts);
  return {
    scenario: scenario.name,
    title: scenario.title,
    rows: Object.fromEntries(labels.map((label) => [label, rowOf(label)])),
    rounds: results,
    findings: labels.map((label) => finding({ title: `memory per open stream${label === 'tollgate' ? '' : ` (${label})`}`, unit: ' KB', must: scenario.must, goal: scenario.goal, better: 'less' }, perStream(label))),
  };
}
