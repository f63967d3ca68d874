import { randomBytes } from 'node:crypto';
import { credentials, type MethodDefinition } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { Scope, Tier } from '../../../src/daemon/access/caller.ts';
import { signToken } from '../../../src/daemon/access/token-signer.ts';
import { tokenVerifier } from '../../../src/daemon/access/token-verifier.ts';
import { makeIssuers } from '../../../src/daemon/access/issuers.ts';
import { launchKey, openSigningKey } from '../../../src/daemon/access/signing-key-source.ts';
import { openTokenStore } from '../../../src/daemon/access/token-store.ts';
import { configEditor } from '../../../src/daemon/config/config-editor.ts';
import { DEFAULT_CONFIG, type Config } from '../../../src/daemon/config/config.ts';
import { ensurePrivateDir } from '../../../src/daemon/files/private-dir.ts';
import { Failure } from '../../../src/daemon/failure.ts';
import { openKeyRing } from '../../../src/daemon/keys/open-key-ring.ts';
import { makeLogger } from '../../../src/daemon/logger.ts';
import { buildRegistry, type Registry } from '../../../src/daemon/plugins/registry.ts';
import { systemClock } from '../../../src/daemon/clock.ts';
import { openGenerations } from '../../../src/daemon/generations/generations.ts';
import { openHealth } from '../../../src/daemon/routing/open-health.ts';
import { newTraffic } from '../../../src/daemon/routing/traffic.ts';
import { Admission } from '../../../src/daemon/server/admission.ts';
import { callGate } from '../../../src/daemon/server/call-gate.ts';
import { grpcServer } from '../../../src/daemon/server/grpc-server.ts';
import { listenOnPort } from '../../../src/daemon/server/listener.ts';
import { priceBook, type PriceBook } from '../../../src/daemon/usage/prices/price-book.ts';
import { priceLists } from '../../../src/daemon/usage/prices/price-lists.ts';
import type { UsageBook } from '../../../src/daemon/usage/usage-book.ts';
import { UsageServiceClient } from '../../../src/gen/tollgate/v1/usage_service.ts';
import type { Provider } from '../../../src/plugins/provider.ts';
import { hello, scriptedProvider } from '../scripted-provider.ts';
import { readEnvironment } from '../../../src/environment.ts';
import { bearer, rpcFailure, temporaryHome, type RpcFailure } from '../test-daemon.ts';

export interface UsageServer {
  /** `host:port`. */
  readonly address: string;
  readonly client: UsageServiceClient;
  /** The lines of its log. */
  readonly log: readonly string[];
  readonly token: (client: string, scopes: readonly Scope[], more?: { readonly tier?: Tier; readonly ttlS?: number }) => string;
  /** As the daemon does when it is asked to stop. */
  readonly drain: () => void;
}

/** The daemon's real server, behind its real gate, with a book. It ends with the test. */
export async function usageServer(book: UsageBook, prices: PriceBook = priceBook({}, undefined), providers: readonly Provider[] = [scriptedProvider('scripted', hello)]): Promise<UsageServer> {
  const lines: string[] = [];
  const log = makeLogger('trace', { write: (line) => void lines.push(line) });
  const known = new Set<string>();
  const environment = readEnvironment({ TOLLGATE_HOME: temporaryHome() });
  const { home } = environment;
  for (const path of [home.stateDir, home.runDir]) await ensurePrivateDir(path);
  const config = (): Config => DEFAULT_CONFIG;
  const secrets = openKeyRing({ environment, log, config });
  const signingKey = await openSigningKey({ file: home.jwtSecretFile, override: randomBytes(32).toString('hex'), store: secrets, log });
  const key = await signingKey.load();
  const tokens = await openTokenStore(home.tokensFile, log);
  const gate = callGate({ log, verifier: tokenVerifier({ main: signingKey, launch: launchKey(), store: tokens, issuers: makeIssuers(log) }), onAdmitted: (peer) => known.add(peer) });
  const registryOf = (from: Config): Registry => buildRegistry(from, providers, {});
  const registry = registryOf(DEFAULT_CONFIG);
  const store = { current: DEFAULT_CONFIG, subscribe: () => () => {}, apply: () => {}, close: () => {} };
  const health = await openHealth(home.healthFile, systemClock, log);
  const generations = await openGenerations(home.generationsFile, log);
  const server = grpcServer({
    log,
    gate,
    signingKey,
    tokens,
    maxRequestBytes: DEFAULT_CONFIG.limits.maxRequestBytes,
    config,
    configEditor: configEditor({ file: home.configFile, manifests: [], store }),
    initialConfig: DEFAULT_CONFIG,
    registry: () => registry,
    registryOf,
    secrets,
    admission: new Admission(() => DEFAULT_CONFIG.limits),
    generations,
    traffic: newTraffic(systemClock, health.book),
    usage: { book, prices: async () => prices, priceLists: priceLists({ file: home.pricesFile, url: () => DEFAULT_CONFIG.priceListUrl, log }), accountFor: () => Promise.reject(new Error('nobody generates here')), foresee: () => Promise.reject(new Error('nobody plans here')), close: async () => {} },
  });
  const listener = await listenOnPort('127.0.0.1:0', false, server.inject, known);
  const address = listener?.address ?? '';
  const client = new UsageServiceClient(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(async () => {
    client.close();
    listener?.close();
    server.abort(new Failure('SHUTTING_DOWN', 'the test is over'));
    await gate.whenIdle();
    server.destroy();
    await generations.close();
    await health.close();
    tokens.close();
    await secrets.close();
  });
  return {
    address,
    client,
    log: lines,
    token: (name, scopes, { tier = 'premium', ttlS = 3600 } = {}) => signToken(key, 'main', { client: name, scopes, tier, ttlS }).token,
    drain: () => server.drain(30_000),
  };
}

export type Answer<T> = { readonly response: T; readonly failure?: undefined } | { readonly failure: RpcFailure; readonly response?: undefined };

/** Calls a unary method with a token. */
export function call<Request, Response>(client: UsageServiceClient, method: Pick<MethodDefinition<Request, Response>, 'path' | 'requestSerialize' | 'responseDeserialize'>, request: Request, token: string): Promise<Answer<Response>> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, request, bearer(token), (error, response) => {
      resolve(error === null && response !== undefined ? { response } : { failure: rpcFailure(error!) });
    });
  });
}
