import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BookTimes } from './timed-books.ts';
import { finding, type Outcome } from './findings.ts';
import { median, percentile } from './median.ts';
import { runLoad, type LoadContext } from './run-load.ts';
import type { BooksScenario, Bounds } from './scenarios.ts';
import { daemonEndpoint } from './site.ts';

const TIMING = fileURLToPath(new URL('time-books.ts', import.meta.url));

export interface BooksRun {
  readonly checkout: string;
  readonly mockPort: number;
  readonly rounds: number;
  readonly scale: number;
  readonly warmUpSeconds: number;
}

/** One round: a daemon of its own, warmed up, then loaded; only what ended in the last part counts. */
async function timesOf(scenario: BooksScenario, context: LoadContext, { checkout, mockPort, scale, warmUpSeconds }: BooksRun, round: number): Promise<readonly BookTimes[]> {
  const file = join(context.workspace, `books-${round}.json`);
  let sinceMs = 0;
  {
    await using endpoint = await daemonEndpoint(context.tools, checkout, mockPort, join(context.workspace, `books-${round}`), { nodeArgs: ['--import', TIMING], variables: { BENCH_TIMES: file } });
    await runLoad({ model: 'mock-n1-g0', concurrency: 64, connections: 8, seconds: warmUpSeconds, settleSeconds: 0, spreadMs: 0, firstToken: false }, endpoint, context);
    const seconds = scenario.seconds * scale;
    const startMs = Date.now();
    await runLoad({ ...scenario, seconds, firstToken: false }, endpoint, context);
    sinceMs = startMs + scenario.settleSeconds * 1000;
  }
  const all = JSON.parse(await readFile(file, 'utf8')) as readonly BookTimes[];
  return all.filter(({ at }) => at >= sinceMs);
}

/** How long the books hold a generation up while others stream: measured inside the daemon, around what it waits for. */
export async function measureBooks(scenario: BooksScenario, context: LoadContext, run: BooksRun): Promise<Outcome> {
  const rounds: Record<string, { p50Ms: number; p99Ms: number; count: number }>[] = [];
  for (let round = 0; round < run.rounds; round++) {
    const times = await timesOf(scenario, context, run, round);
    const row = (of: (times: BookTimes) => number) => {
      const values = times.map(of);
      return { p50Ms: percentile(values, 0.5), p99Ms: percentile(values, 0.99), count: values.length };
    };
    rounds.push({
      reserve: row(({ reserve }) => reserve),
      attempt: row(({ attempt }) => attempt),
      settle: row(({ settle }) => settle),
      'reserve + settle': row(({ reserve, settle }) => reserve + settle),
      'before the first token': row(({ reserve, attempt }) => reserve + attempt),
      'in all': row(({ reserve, attempt, settle }) => reserve + attempt + settle),
    });
  }
  const labels = Object.keys(rounds[0] ?? {});
  const each = (label: string, field: 'p50Ms' | 'p99Ms' | 'count'): readonly number[] => rounds.map((round) => round[label]?.[field] ?? Number.NaN);
  const judge = (label: string, field: 'p50Ms' | 'p99Ms', bounds: Bounds) => finding({ title: `64 paced streams: books, ${label}, ${field.slice(0, 3)}`, unit: ' ms', better: 'less', ...bounds }, each(label, field));
  return {
    scenario: scenario.name,
    title: scenario.title,
    rows: Object.fromEntries(labels.map((label) => [label, { p50Ms: median(each(label, 'p50Ms')), p99Ms: median(each(label, 'p99Ms')), count: median(each(label, 'count')) }])),
    rounds,
    findings: [judge('reserve + settle', 'p50Ms', scenario.p50), judge('reserve + settle', 'p99Ms', scenario.p99), judge('before the first token', 'p50Ms', scenario.firstToken)],
  };
}
