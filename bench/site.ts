import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './children.ts';
import { startDaemon, type DaemonVariant } from './daemon.ts';
import { freePort } from './free-port.ts';
import { startNginx } from './nginx.ts';
import type { Target } from './scenarios.ts';
import type { Tools } from './tools.ts';
import { whenPortIs } from './when-ready.ts';

/** Where a load goes. */
export interface Endpoint {
  readonly mode: 'http' | 'grpc';
  readonly address: string;
  readonly path: string;
  readonly headers: readonly string[];
  /** The processes whose cost is the gateway's. */
  pids(): readonly number[];
}

/** The mock with all that stands before it. */
export interface Site extends AsyncDisposable {
  readonly mockPid: number;
  readonly mockPort: number;
  /** nginx is absent where it is not installed, `compared` where no other checkout was named. */
  readonly endpoints: ReadonlyMap<Target | 'compared', Endpoint>;
}

const httpEndpoint = (port: number, pids: () => readonly number[]): Endpoint => ({ mode: 'http', address: `127.0.0.1:${port}`, path: '/v1/chat/completions', headers: [], pids });

/** Starts a daemon of `checkout` before the mock. */
export async function daemonEndpoint(tools: Tools, checkout: string, mockPort: number, home: string, variant: DaemonVariant = {}): Promise<Endpoint & AsyncDisposable> {
  const daemon = await startDaemon(tools, checkout, mockPort, home, variant);
  return {
    mode: 'grpc',
    address: daemon.address,
    path: '/tollgate.v1.GenerateService/Generate',
    headers: [`authorization: Bearer ${daemon.token}`],
    pids: () => [daemon.pid],
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}

export interface SiteOptions {
  readonly checkout: string;
  /** Another checkout, whose daemon is measured in the same rounds. */
  readonly compared: string | undefined;
  /** Whom the loads call. */
  readonly targets: ReadonlySet<Target>;
}

/** What the bench puts in the place of the books: the product has no switch for that. */
const WITHOUT_BOOKS: DaemonVariant = { nodeArgs: ['--import', fileURLToPath(new URL('without-books.ts', import.meta.url))] };

/** Starts everything: the mock on core 0, the gateways on core 1. */
export async function startSite(tools: Tools, workspace: string, { checkout, compared, targets }: SiteOptions): Promise<Site> {
  await using started = new AsyncDisposableStack();
  const mockPort = await freePort();
  const mock = started.use(startChild(tools.on(0, [...tools.mock, String(mockPort)]), { log: join(workspace, 'mock.log') }));
  await whenPortIs(mockPort);
  const endpoints = new Map<Target | 'compared', Endpoint>([['direct', httpEndpoint(mockPort, () => [])]]);
  if (targets.has('nginx') && tools.nginx !== undefined) {
    const nginx = started.use(await startNginx(tools.nginx, tools, mockPort, workspace));
    endpoints.set('nginx', httpEndpoint(nginx.port, () => nginx.pids()));
  }
  if (targets.has('tollgate')) {
    endpoints.set('tollgate', started.use(await daemonEndpoint(tools, checkout, mockPort, join(workspace, 'home'))));
    if (compared !== undefined) endpoints.set('compared', started.use(await daemonEndpoint(tools, compared, mockPort, join(workspace, 'home-compared'))));
  }
  if (targets.has('no books')) endpoints.set('no books', started.use(await daemonEndpoint(tools, checkout, mockPort, join(workspace, 'home-no-books'), WITHOUT_BOOKS)));
  const all = started.move();
  return { mockPid: mock.pid, mockPort, endpoints, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
