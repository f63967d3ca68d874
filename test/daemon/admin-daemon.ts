import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { credentials, type Client, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { makeLogger } from '../../src/daemon/logger.ts';
import { readEnvironment, type Variables } from '../../src/environment.ts';
import { AccessServiceClient } from '../../src/gen/tollgate/v1/access_service.ts';
import { ConfigServiceClient, type GetConfigResponse, type UpdateConfigResponse } from '../../src/gen/tollgate/v1/config_service.ts';
import { GenerateServiceClient, type EmbedResponse, type ListModelsResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import {
  KeysServiceClient,
  type GetProviderResponse,
  type KeyStore,
  type ListProvidersResponse,
  type LockResponse,
  type Provider as DescribedProvider,
  type RemoveKeyResponse,
  type ResetHealthResponse,
  type SetKeyRequest,
  type SetKeyResponse,
  type UnlockResponse,
  type ValidateKeyResponse,
} from '../../src/gen/tollgate/v1/keys_service.ts';
import type { Provider } from '../../src/plugins/provider.ts';
import { bearer, rpcFailure, temporaryHome, type RpcFailure, type TestDaemon } from './test-daemon.ts';

/** A call that failed, its details read. */
export class CallError extends Error {
  readonly failure: RpcFailure;
  constructor(failure: RpcFailure) {
    super(`${failure.reason}: ${failure.message}`);
    this.failure = failure;
  }
}

type Sent<Response> = (metadata: Metadata, callback: (error: ServiceError | null, response: Response) => void) => unknown;

/** What a call failed with. */
export async function failureOf(call: Promise<unknown>): Promise<RpcFailure> {
  try {
    await call;
  } catch (error) {
    if (error instanceof CallError) return error.failure;
    throw error;
  }
  throw new Error('the call did not fail');
}

/** A daemon as its owner uses it: with the services for keys and config, and a home that outlives it. */
export interface AdminDaemon extends TestDaemon {
  readonly home: string;
  listProviders(): Promise<ListProvidersResponse>;
  getProvider(name: string): Promise<DescribedProvider>;
  /** `deadlineMs` is the caller's. Default: none. */
  setKey(request: Partial<SetKeyRequest>, deadlineMs?: number): Promise<SetKeyResponse>;
  removeKey(provider: string, label?: string): Promise<DescribedProvider | undefined>;
  validateKey(provider: string, options?: { label?: string; key?: string }): Promise<ValidateKeyResponse>;
  resetHealth(provider: string): Promise<ResetHealthResponse>;
  lock(): Promise<KeyStore | undefined>;
  unlock(passphrase?: string): Promise<KeyStore | undefined>;
  getConfig(): Promise<GetConfigResponse>;
  updateConfig(config: unknown, ...mask: string[]): Promise<UpdateConfigResponse>;
  embed(model: string): Promise<EmbedResponse>;
  listModels(provider: string): Promise<ListModelsResponse>;
  /** Stops it and starts another one in the same home. */
  restart(variables?: Variables): Promise<AdminDaemon>;
}

export interface AdminDaemonOptions {
  readonly config?: object;
  readonly providers?: readonly Provider[];
  readonly variables?: Variables;
  readonly home?: string;
}

const LISTEN = { grpc: '127.0.0.1:0', http: null };

/** Starts a real daemon. `config` is written when the home is a new one. */
export async function adminDaemon({ config = {}, providers, variables = {}, home }: AdminDaemonOptions = {}): Promise<AdminDaemon> {
  const directory = home ?? temporaryHome();
  const environment = readEnvironment({ ...variables, TOLLGATE_HOME: directory });
  const { configFile, adminTokenFile } = environment.home;
  const writeConfig = (next: object): void => {
    mkdirSync(dirname(configFile), { recursive: true });
    writeFileSync(configFile, JSON.stringify({ listen: LISTEN, ...next }));
  };
  if (home === undefined) writeConfig(config);
  const log: string[] = [];
  const daemon = await startDaemon({ environment, log: makeLogger('trace', { write: (line) => void log.push(line) }), ...(providers === undefined ? {} : { providers }) });
  const clients: Client[] = [];
  const connect = <T extends Client>(Service: new (address: string, channel: ReturnType<typeof credentials.createInsecure>, options: object) => T): T => {
    const client = new Service(daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    clients.push(client);
    return client;
  };
  const generateClient = connect(GenerateServiceClient);
  const accessClient = connect(AccessServiceClient);
  const keysClient = connect(KeysServiceClient);
  const configClient = connect(ConfigServiceClient);
  const stop = async (): Promise<void> => {
    for (const client of clients) client.close();
    await daemon.close(true);
  };
  onTestFinished(stop);
  const adminToken = readFileSync(adminTokenFile, 'utf8').trim();
  const call = <Response>(send: Sent<Response>): Promise<Response> =>
    new Promise((resolve, reject) => send(bearer(adminToken), (error, response) => (error === null ? resolve(response) : reject(new CallError(rpcFailure(error))))));

  const described = (provider: DescribedProvider | undefined): DescribedProvider => {
    if (provider === undefined) throw new Error('the response has no provider');
    return provider;
  };
  return {
    daemon,
    environment,
    log,
    adminToken,
    generateClient,
    accessClient,
    writeConfig,
    home: directory,
    listProviders: () => call<ListProvidersResponse>((...then) => keysClient.listProviders({}, ...then)),
    getProvider: async (name) => described((await call<GetProviderResponse>((...then) => keysClient.getProvider({ name }, ...then))).provider),
    setKey: (request, deadlineMs) =>
      call<SetKeyResponse>((metadata, callback) => keysClient.setKey({ provider: '', label: '', key: '', settings: {}, skipValidation: false, ...request }, metadata, deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }, callback)),
    removeKey: async (provider, label = '') => (await call<RemoveKeyResponse>((...then) => keysClient.removeKey({ provider, label }, ...then))).provider,
    validateKey: (provider, { label = '', key } = {}) => call<ValidateKeyResponse>((...then) => keysClient.validateKey({ provider, label, key }, ...then)),
    resetHealth: (provider) => call<ResetHealthResponse>((...then) => keysClient.resetHealth({ provider }, ...then)),
    lock: async () => (await call<LockResponse>((...then) => keysClient.lock({}, ...then))).keyStore,
    unlock: async (passphrase = '') => (await call<UnlockResponse>((...then) => keysClient.unlock({ passphrase }, ...then))).keyStore,
    getConfig: () => call<GetConfigResponse>((...then) => configClient.getConfig({}, ...then)),
    updateConfig: (next, ...mask) => call<UpdateConfigResponse>((...then) => configClient.updateConfig({ configJson: typeof next === 'string' ? next : JSON.stringify(next), updateMask: mask }, ...then)),
    embed: (model) => call<EmbedResponse>((...then) => generateClient.embed({ model, inputs: ['hi'], dimensions: undefined, labels: {}, providerOptionsJson: {} }, ...then)),
    listModels: (provider) => call<ListModelsResponse>((...then) => generateClient.listModels({ provider, filter: '', pageSize: 0, pageToken: '' }, ...then)),
    restart: async (next = variables) => {
      await stop();
      return adminDaemon({ home: directory, variables: next, ...(providers === undefined ? {} : { providers }) });
    },
  };
}

/** The files below a directory that hold a text, as it is or as base64. */
export function filesWith(directory: string, text: string): readonly string[] {
  const forms = [text, Buffer.from(text).toString('base64').replace(/=+$/, ''), Buffer.from(text).toString('hex')];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => forms.some((form) => readFileSync(path).includes(form)));
}
