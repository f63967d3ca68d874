import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild, type Child } from './children.ts';
import type { Tools } from './tools.ts';
import { whenFileIs } from './when-ready.ts';

export interface BenchDaemon extends AsyncDisposable {
  readonly pid: number;
  /** `host:port` of its gRPC listener. */
  readonly address: string;
  /** A token with the scope `generate`. */
  readonly token: string;
}

/** The name of the instance whose base_url is the mock. */
export const INSTANCE = 'bench';

/** The defaults allow 64 streams a client, so that one cannot starve the others; here one client is all there is. */
const config = (upstreamPort: number) => ({
  version: 1,
  listen: { socket: false, grpc: '127.0.0.1:0', http: null },
  providers: { [INSTANCE]: { type: 'openai-compatible', base_url: `http://127.0.0.1:${upstreamPort}/v1`, key_env: 'BENCH_KEY' } },
  limits: { streams: 10_000, streams_per_client: 10_000, queue_per_client: 1000 },
});

/** What is different about a daemon that is measured. */
export interface DaemonVariant {
  /** Go before the program. */
  readonly nodeArgs?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
}

/** The command that runs the daemon of a checkout. `TOLLGATE_BENCH_NODE_ARGS` goes before it, e.g. `--cpu-prof`. */
const commandOf = (checkout: string, nodeArgs: readonly string[]): readonly string[] => [process.execPath, ...(process.env['TOLLGATE_BENCH_NODE_ARGS'] ?? '').split(' ').filter(Boolean), ...nodeArgs, join(checkout, 'bin/tollgated.js')];

/** Starts a daemon on core 1 with a home of its own, as a service would run it: its log, one line per call, goes to a file. */
export async function startDaemon(tools: Tools, checkout: string, upstreamPort: number, home: string, { nodeArgs = [], variables = {} }: DaemonVariant = {}): Promise<BenchDaemon> {
  const run = join(home, 'run');
  for (const directory of [join(home, 'config'), run]) await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(home, 'config/config.json'), JSON.stringify(config(upstreamPort)));
  const env = { PATH: process.env['PATH'], TOLLGATE_HOME: home, BENCH_KEY: 'bench-key-0123456789', ...variables };
  const child: Child = startChild(tools.on(1, commandOf(checkout, nodeArgs)), { env, log: join(home, 'tollgated.log') });
  await whenFileIs(join(run, 'daemon.json')).catch((error: unknown) => {
    throw new Error(`the daemon does not start: ${child.errors()}`, { cause: error });
  });
  const { grpc } = JSON.parse(await readFile(join(run, 'daemon.json'), 'utf8')) as { grpc: string };
  const token = (await readFile(join(run, 'admin.token'), 'utf8')).trim();
  return { pid: child.pid, address: grpc, token, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
