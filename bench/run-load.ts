import { runChild } from './children.ts';
import type { LoadResult } from './load-window.ts';
import { processCost } from './process-cost.ts';
import { writeRequests } from './request-files.ts';
import type { Measure } from './scenarios.ts';
import type { Endpoint } from './site.ts';
import type { Tools } from './tools.ts';

export interface LoadRun {
  readonly model: string;
  readonly concurrency: number;
  readonly connections: number;
  readonly seconds: number;
  readonly settleSeconds: number;
  readonly spreadMs: number;
  /** Whether the first token has to be seen, for which `lg` is blind through gRPC. */
  readonly firstToken: boolean;
}

/** What all load runs share. */
export interface LoadContext {
  readonly tools: Tools;
  readonly workspace: string;
  readonly mockPid: number;
}

const seen = (us: number): number => (us < 0 ? Number.NaN : us / 1000);

/** How many tokens a stream of a mock model has. */
const tokensOf = (model: string): number => Number(/-n(\d+)/.exec(model)?.[1] ?? 20);

/** Puts one load on an endpoint and says what came of it. */
export async function runLoad(run: LoadRun, endpoint: Endpoint, { tools, workspace, mockPid }: LoadContext): Promise<Measure> {
  const files = await writeRequests(run.model, workspace);
  const pids = endpoint.pids();
  const options = {
    '-m': endpoint.mode,
    '-a': endpoint.address,
    '-p': endpoint.path,
    '-b': endpoint.mode === 'grpc' ? files.grpc : files.http,
    '-c': run.concurrency,
    '-k': run.connections,
    '-d': run.seconds,
    '-w': run.settleSeconds,
    '-s': run.spreadMs,
    // `lg` takes an empty list for no list.
    '-P': pids.join(','),
  };
  const program = run.firstToken ? tools.ownLoad : tools.load;
  const args = Object.entries(options).flatMap(([name, value]) => [name, String(value)]);
  const before = { us: processCost([mockPid]).cpuUs, at: performance.now() };
  const line = await runChild(tools.on(0, [...program, ...args, ...endpoint.headers.flatMap((header) => ['-H', header])]), (run.seconds + run.settleSeconds + 30) * 1000);
  const mockPercent = (processCost([mockPid]).cpuUs - before.us) / (performance.now() - before.at) / 10;
  const result = JSON.parse(line) as LoadResult;
  const tokensPerSecond = result.tok_s > 0 ? result.tok_s : result.rps * tokensOf(run.model);
  return {
    streamsPerSecond: result.rps,
    tokensPerSecond,
    ttftP50Ms: run.firstToken ? seen(result.ttft50) : Number.NaN,
    ttftP99Ms: run.firstToken ? seen(result.ttft99) : Number.NaN,
    tokenP50Ms: result.tok_s > 0 ? seen(result.tok50) : Number.NaN,
    tokenP99Ms: result.tok_s > 0 ? seen(result.tok99) : Number.NaN,
    cpuUsPerStream: pids.length === 0 ? Number.NaN : result.cpu_us_req,
    cpuUsPerToken: pids.length === 0 ? Number.NaN : (result.cpu_pct * 1e4) / tokensPerSecond,
    rssMb: pids.length === 0 ? Number.NaN : result.rss_mb,
    errors: result.errs,
    generatorCpuPercent: result.lg_cpu_pct + mockPercent,
  };
}

/** Checks that an endpoint gives whole answers before its speed means anything. Throws when it does not. */
export async function checkEndpoint(name: string, endpoint: Endpoint, context: LoadContext): Promise<void> {
  const tokens = 7;
  const run = { model: `mock-n${tokens}-g1-x1`, concurrency: 2, connections: 1, seconds: 1, settleSeconds: 0.2, spreadMs: 0, firstToken: false };
  const { streamsPerSecond, tokensPerSecond, errors } = await runLoad(run, endpoint, context);
  const perStream = tokensPerSecond / streamsPerSecond;
  if (errors > 0 || !(Math.abs(perStream - tokens) < 0.2)) {
    throw new Error(`${name} does not answer as it should: ${errors} errors, ${perStream} tokens a stream instead of ${tokens}`);
  }
}
