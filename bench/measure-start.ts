import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './children.ts';
import { finding, type Outcome } from './findings.ts';
import { median } from './median.ts';
import { pack } from './pack.ts';
import type { StartScenario } from './scenarios.ts';
import type { Tools } from './tools.ts';
import { whenFileIs } from './when-ready.ts';

/** It tells that it serves in the daemon's way: with a file. */
const BARE_SERVER = "require('node:http').createServer((request, response) => response.end()).listen(0, '127.0.0.1', () => require('node:fs').writeFileSync(process.env.READY, ''))";

/** Spawns and waits for a file; gives the time between, in ms. */
async function timeToFile(command: readonly string[], file: string, env: NodeJS.ProcessEnv, log: string): Promise<number> {
  await rm(file, { force: true });
  const startMs = performance.now();
  await using child = startChild(command, { env: { PATH: process.env['PATH'], ...env }, log });
  await whenFileIs(file).catch((error: unknown) => {
    throw new Error(`${command.join(' ')} does not start: ${child.errors()}`, { cause: error });
  });
  return performance.now() - startMs;
}

export interface ServedStart {
  readonly tools: Tools;
  /** A checkout, or the package as it is installed. */
  readonly checkout: string;
  readonly home: string;
  readonly log: string;
}

/** From the spawn of a daemon to its serving, in ms. Its home has to be there. */
export async function timeToServe({ tools, checkout, home, log }: ServedStart): Promise<number> {
  await mkdir(join(home, 'run'), { recursive: true, mode: 0o700 });
  return timeToFile(tools.on(1, [process.execPath, join(checkout, 'bin/tollgated.js')]), join(home, 'run/daemon.json'), { TOLLGATE_HOME: home, XDG_CACHE_HOME: join(home, 'cache') }, log);
}

export interface StartRun {
  readonly checkouts: Readonly<Record<string, string>>;
  readonly tools: Tools;
  readonly workspace: string;
  readonly starts: number;
}

/** Starts the bare server and the daemon, as the package ships it, in turn. It has a home that was used before and no config file, as most have. */
export async function measureStart(scenario: StartScenario, { checkouts, tools, workspace, starts }: StartRun): Promise<Outcome> {
  const home = join(workspace, 'start');
  await mkdir(join(home, 'run'), { recursive: true, mode: 0o700 });
  const ready = join(home, 'bare-is-ready');
  const log = join(home, 'start.log');
  const bare = (): Promise<number> => timeToFile(tools.on(1, [process.execPath, '-e', BARE_SERVER]), ready, { READY: ready }, log);
  const daemon = (checkout: string): Promise<number> => timeToServe({ tools, checkout, home, log });

  const packages: Record<string, string> = {};
  for (const [label, checkout] of Object.entries(checkouts)) packages[label] = await pack(checkout, join(workspace, `package-${label}`));

  // The first start makes the files of the home and fills the compile cache.
  for (const folder of Object.values(packages)) await daemon(folder);
  const rounds: Record<string, number>[] = [];
  for (let at = 0; at < starts; at++) {
    const round: Record<string, number> = { bare: await bare() };
    for (const [label, folder] of Object.entries(packages)) round[label] = await daemon(folder);
    rounds.push(round);
  }
  const labels = Object.keys(checkouts);
  const timesOf = (label: string): readonly number[] => rounds.map((round) => round[label] ?? Number.NaN);
  return {
    scenario: scenario.name,
    title: scenario.title,
    rows: Object.fromEntries(['bare', ...labels].map((label) => [label, { medianMs: median(timesOf(label)), fastestMs: Math.min(...timesOf(label)) }])),
    rounds,
    findings: labels.map((label) => {
      const ratios = rounds.map((round) => (round[label] ?? Number.NaN) / (round['bare'] ?? Number.NaN));
      return finding({ title: `start: spawn to serving ÷ a bare Node http server${label === 'tollgate' ? '' : ` (${label})`}`, unit: '×', must: scenario.must, goal: scenario.goal, better: 'less' }, ratios);
    }),
  };
}
