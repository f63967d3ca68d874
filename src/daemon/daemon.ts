import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment, Home } from '../environment.ts';
import { shipped } from '../plugins/index.ts';
import { prepareHttp } from '../plugins/kit/http.ts';
import type { Provider } from '../plugins/provider.ts';
import { keepAdminToken } from './access/admin-token.ts';
import { makeIssuers, type Issuers } from './access/issuers.ts';
import { launchKey, openSigningKey, type SigningKeySource } from './access/signing-key-source.ts';
import { openTokenStore, type TokenStore } from './access/token-store.ts';
import { tokenVerifier, type TokenVerifier } from './access/token-verifier.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config/config.ts';
import { configEditor } from './config/config-editor.ts';
import { watchConfig, type ConfigStore } from './config/config-store.ts';
import { loadConfig } from './config/load-config.ts';
import { needsRestart } from './config/needs-restart.ts';
import { Failure } from './failure.ts';
import { fileError } from './files/file-error.ts';
import { takeInstanceLock } from './files/instance-lock.ts';
import { ensurePrivateDir } from './files/private-dir.ts';
import { daemonCard } from './files/daemon-card.ts';
import { openGenerations } from './generations/generations.ts';
import type { KeyRing } from './keys/key-ring.ts';
import { openKeyRing } from './keys/open-key-ring.ts';
import type { Logger } from './logger.ts';
import { buildRegistry, type Registry } from './plugins/registry.ts';
import { openHealth } from './routing/open-health.ts';
import { newTraffic } from './routing/traffic.ts';
import { Admission } from './server/admission.ts';
import { callGate, type CallGate } from './server/call-gate.ts';
import { grpcServer, type GrpcServer } from './server/grpc-server.ts';
import { listenOnPort, listenOnSocket, type Listener } from './server/listener.ts';
import { openUsage } from './usage/open-usage.ts';
import { VERSION } from './version.ts';

/** How long running calls may go on after `close()`. */
const DRAIN_MS = 30_000;
/** How long calls that were cut short may take to end. */
const SETTLE_MS = 5000;

export interface DaemonOptions {
  /** `readEnvironment(process.env)`, or another home and other variables. */
  readonly environment: Environment;
  readonly log: Logger;
  /** The plugins to load. Default: all that ship. */
  readonly providers?: readonly Provider[];
  /** Everybody who can connect may do everything. For development, on loopback only. Default false. */
  readonly dev?: boolean;
  /** Whether the daemon runs inside another program, which `tollgate stop` must not end. Default true. */
  readonly embedded?: boolean;
  /** Whether it ends by itself after the config's `auto_start.idle_exit` without a call. Default false. */
  readonly exitWhenIdle?: boolean;
}

export interface Daemon {
  readonly version: string;
  /** `host:port`; undefined when it does not listen on a port. */
  readonly grpc: string | undefined;
  /** The unix socket's path; undefined when it does not listen on one. */
  readonly socket: string | undefined;
  /** Calls that run now. */
  readonly running: number;
  /** Stops: no new calls, running ones get 30 s, or none when `now`. Resolves when all is closed. */
  close(now?: boolean): Promise<void>;
  /** Resolves when the daemon has stopped, for whatever reason. */
  readonly closed: Promise<void>;
}

/** What was set up, to be taken down in the opposite order. */
class CleanUp {
  readonly #steps: (() => void | Promise<void>)[] = [];

  add(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}

async function takeHome(home: Home, cleanUp: CleanUp): Promise<void> {
  for (const path of [home.stateDir, home.runDir]) await ensurePrivateDir(path);
  await mkdir(dirname(home.configFile), { recursive: true, mode: 0o700 });
  const lock = await takeInstanceLock(home.lockFile);
  cleanUp.add(() => lock.release());
  await rm(home.daemonFile, { force: true });
}

interface Access {
  readonly signingKey: SigningKeySource;
  readonly tokens: TokenStore;
  readonly verifier: TokenVerifier;
}

async function openAccess({ home, jwtSecret }: Environment, secrets: KeyRing, issuers: Issuers, log: Logger, cleanUp: CleanUp): Promise<Access> {
  const signingKey = await openSigningKey({ file: home.jwtSecretFile, override: jwtSecret, store: secrets, log });
  const tokens = await openTokenStore(home.tokensFile, log);
  cleanUp.add(() => tokens.close());
  const launch = launchKey();
  const adminToken = await keepAdminToken(home.adminTokenFile, launch, (error) => log.error({ err: error }, 'cannot rewrite the admin token'));
  cleanUp.add(() => adminToken.close());
  return { signingKey, tokens, verifier: tokenVerifier({ main: signingKey, launch, store: tokens, issuers }) };
}

function openConfig(file: string, initial: Config, load: () => Promise<Config>, tell: (problem: string) => void, log: Logger, cleanUp: CleanUp): ConfigStore {
  const onInvalid = (error: unknown): void => {
    const problem = error instanceof Error ? error.message : String(error);
    log.error({ problem }, 'the config changed and cannot be used; the one before stays in force');
    tell(problem);
  };
  const store = watchConfig({ file, initial, load, onInvalid });
  cleanUp.add(() => store.close());
  return store;
}

async function listen({ listen: wanted }: Config, home: Home, server: GrpcServer, known: Set<string>, log: Logger, cleanUp: CleanUp): Promise<{ socket: Listener | undefined; port: Listener | undefined }> {
  const socket = wanted.socket ? await listenOnSocket(home.socket, server.inject, known) : undefined;
  if (socket !== undefined) {
    cleanUp.add(async () => {
      socket.close();
      await rm(home.socket, { force: true });
    });
  }
  if (wanted.grpc === null) return { socket, port: undefined };
  const port = await listenOnPort(wanted.grpc, !wanted.grpcIsExplicit && socket !== undefined, server.inject, known);
  if (port === undefined) log.warn(`${wanted.grpc} is taken by another program: only the socket is served. Set listen.grpc in the config to use another port.`);
  else cleanUp.add(() => port.close());
  return { socket, port };
}

/** Calls back once, when no call has come for `idleMs`. Returns the way to stop that. */
function afterIdle(idleMs: number, gate: CallGate, leave: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const check = (): void => {
    const left = idleMs - (performance.now() - gate.lastActivityMs);
    if (gate.running === 0 && left <= 0) leave();
    else timer = setTimeout(check, Math.max(left, 1000)).unref();
  };
  check();
  return () => clearTimeout(timer);
}

/** The way out: once, in order, and in a hurry when asked. */
function closer(gate: CallGate, server: GrpcServer, log: Logger, beforeDrain: () => Promise<void>, cleanUp: CleanUp): Pick<Daemon, 'close' | 'closed'> {
  const closed = Promise.withResolvers<void>();
  const hurried = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const timer = setTimeout(() => hurried.resolve(), DRAIN_MS);
    gate.close();
    await beforeDrain();
    server.drain(DRAIN_MS);
    await Promise.race([gate.whenIdle(), hurried.promise]);
    clearTimeout(timer);
    server.abort(new Failure('SHUTTING_DOWN', 'the daemon is stopping; try again in a moment'));
    await Promise.race([gate.whenIdle(), delay(SETTLE_MS, undefined, { ref: false })]);
    await cleanUp.run();
    log.info('tollgated has stopped');
    closed.resolve();
  };
  return {
    closed: closed.promise,
    close(now = false) {
      if (now) hurried.resolve();
      closing ??= stop();
      return closing;
    },
  };
}

async function start(options: DaemonOptions, cleanUp: CleanUp): Promise<Daemon> {
  const { environment, log, dev = false, embedded = true, providers = shipped } = options;
  const { home, variables } = environment;
  const manifests = providers.map(({ manifest }) => manifest);
  const load = (): Promise<Config> => loadConfig(home.configFile, manifests);
  const initial = await load();
  await takeHome(home, cleanUp);
  const card = daemonCard(home.daemonFile);
  cleanUp.add(() => card.remove());
  const note = (fields: { readonly config_problem?: string | undefined; readonly books_problem?: string | undefined }): void => void card.write(fields).catch((error: unknown) => log.error({ err: error }, 'cannot write daemon.json'));
  const store = openConfig(home.configFile, initial, load, (config_problem) => note({ config_problem }), log, cleanUp);
  const secrets = openKeyRing({ environment, log, config: () => store.current });
  cleanUp.add(() => secrets.close());
  const issuers = makeIssuers(log);
  issuers.use(initial.issuers);
  const { verifier, signingKey, tokens } = await openAccess(environment, secrets, issuers, log, cleanUp);
  const registryOf = (config: Config): Registry => buildRegistry(config, providers, variables);
  let registry = registryOf(initial);
  store.subscribe((config) => {
    registry = registryOf(config);
    issuers.use(config.issuers);
    note({ config_problem: undefined });
    log.info(needsRestart(config, initial) ? 'the config changed and is in force, but for listen and limits.max_request_bytes: those wait for a restart' : 'the config changed and is in force');
  });

  const usage = await openUsage({ home, config: () => store.current, registry: () => registry, log, onProblem: (books_problem) => note({ books_problem }) });
  cleanUp.add(() => usage.close());

  const health = await openHealth(home.healthFile, systemClock, log);
  cleanUp.add(() => health.close());
  const traffic = newTraffic(systemClock, health.book);
  cleanUp.add(() => traffic.drains.close());
  const generations = await openGenerations(home.generationsFile, log);
  cleanUp.add(() => generations.close());
  const known = new Set<string>();
  const gate = callGate({ log, verifier: dev ? undefined : verifier, onAdmitted: (peer) => known.add(peer) });
  const server = grpcServer({
    log,
    gate,
    signingKey,
    tokens,
    maxRequestBytes: initial.limits.maxRequestBytes,
    config: () => store.current,
    configEditor: configEditor({ file: home.configFile, manifests, store }),
    initialConfig: initial,
    registry: () => registry,
    registryOf,
    secrets,
    admission: new Admission(() => store.current.limits),
    usage,
    generations,
    traffic,
  });
  cleanUp.add(() => server.destroy());
  const { socket, port } = await listen(initial, home, server, known, log, cleanUp);
  const addresses = { grpc: port?.address ?? null, socket: socket?.address ?? null, http: null };
  await card.write({ pid: process.pid, version: VERSION, ...addresses, embedded: embedded ? true : undefined });
  const hide = async (): Promise<void> => {
    await card.remove();
    for (const listener of [socket, port]) listener?.close();
  };
  cleanUp.add(hide);
  log.info({ version: VERSION, ...addresses, dev }, 'tollgated serves');
  // Now that it serves: what the first call needs and the start does not.
  setImmediate(() => void usage.prices().catch((error: unknown) => log.error({ err: error }, 'cannot load the price list')));
  setImmediate(() => void signingKey.move());
  setImmediate(() => void prepareHttp().catch((error: unknown) => log.error({ err: error }, 'cannot load the HTTP client')));

  const { close, closed } = closer(gate, server, log, hide, cleanUp);
  if (options.exitWhenIdle === true && initial.idleExitMs !== null) cleanUp.add(afterIdle(initial.idleExitMs, gate, () => void close()));
  return {
    version: VERSION,
    grpc: port?.address,
    socket: socket?.address,
    get running() {
      return gate.running;
    },
    close,
    closed,
  };
}

/**
 * Starts a daemon, in a process of its own or inside an app. Throws a ConfigError for a config that cannot be used, and a
 * StartError when another daemon holds the home, a file is damaged or an address is taken.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const cleanUp = new CleanUp();
  try {
    return await start(options, cleanUp);
  } catch (error) {
    await cleanUp.run();
    throw fileError(error);
  }
}
