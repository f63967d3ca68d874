import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { startDaemon, type Daemon } from '../../src/daemon/daemon.ts';
import { makeLogger } from '../../src/daemon/logger.ts';
import { readEnvironment, type Environment, type Variables } from '../../src/environment.ts';
import { BadRequest, ErrorInfo, RetryInfo } from '../../src/gen/google/rpc/error_details.ts';
import { Status } from '../../src/gen/google/rpc/status.ts';
import { AccessServiceClient } from '../../src/gen/tollgate/v1/access_service.ts';
import { GenerateRequest, GenerateServiceClient, GenerationFailure, type GenerateResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import type { Message, Part } from '../../src/gen/tollgate/v1/content.ts';
import { Role } from '../../src/gen/tollgate/v1/content.ts';
import type { Provider } from '../../src/plugins/provider.ts';

export interface TestDaemon {
  readonly daemon: Daemon;
  readonly environment: Environment;
  /** The lines of its log. */
  readonly log: string[];
  readonly adminToken: string;
  readonly generateClient: GenerateServiceClient;
  readonly accessClient: AccessServiceClient;
  writeConfig(config: object): void;
}

export interface TestDaemonOptions {
  readonly config?: object;
  readonly providers?: readonly Provider[];
  readonly variables?: Variables;
  readonly dev?: boolean;
  /** The home of another one that has stopped. */
  readonly home?: Environment;
}

export const temporaryHome = (): string => {
  const home = mkdtempSync(join(tmpdir(), 'tg-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return home;
};

/** Starts a real daemon on a free port and a socket of its own home; it stops with the test. */
export async function testDaemon({ config = {}, providers, variables = {}, dev = false, home }: TestDaemonOptions = {}): Promise<TestDaemon> {
  const environment = home ?? readEnvironment({ ...variables, TOLLGATE_HOME: temporaryHome() });
  const { configFile, adminTokenFile } = environment.home;
  const writeConfig = (next: object): void => {
    mkdirSync(dirname(configFile), { recursive: true });
    writeFileSync(configFile, JSON.stringify({ listen: { grpc: '127.0.0.1:0', http: null }, ...next }));
  };
  writeConfig(config);
  const log: string[] = [];
  const daemon = await startDaemon({ environment, dev, log: makeLogger('trace', { write: (line) => void log.push(line) }), ...(providers === undefined ? {} : { providers }) });
  const generateClient = new GenerateServiceClient(daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const accessClient = new AccessServiceClient(daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(async () => {
    generateClient.close();
    accessClient.close();
    await daemon.close(true);
  });
  return { daemon, environment, log, adminToken: readFileSync(adminTokenFile, 'utf8').trim(), generateClient, accessClient, writeConfig };
}

export function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

export const part = (content: Part['part']): Part => ({ part: content, providerMetadataJson: {} });
export const userSays = (text: string): Message => ({ role: Role.USER, parts: [part({ $case: 'text', value: text })] });
export const ask = (fields: Parameters<typeof GenerateRequest.fromPartial>[0]): GenerateRequest => GenerateRequest.fromPartial({ messages: [userSays('hi')], ...fields });

/** What a call failed with, details read. */
export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly string[];
  readonly retryAfterMs: number | undefined;
  readonly generation: GenerationFailure | undefined;
  readonly trailerBytes: number;
}

export function rpcFailure(error: ServiceError): RpcFailure {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const details = Buffer.isBuffer(bytes) ? Status.decode(bytes).details : [];
  const find = (name: string): Buffer | undefined => details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/${name}`)?.value;
  const [info, bad, retry, generation] = ['google.rpc.ErrorInfo', 'google.rpc.BadRequest', 'google.rpc.RetryInfo', 'tollgate.v1.GenerationFailure'].map(find);
  const errorInfo = info === undefined ? undefined : ErrorInfo.decode(info);
  const delay = retry === undefined ? undefined : RetryInfo.decode(retry).retryDelay;
  return {
    code: error.code,
    message: error.details,
    reason: errorInfo?.reason,
    metadata: errorInfo?.metadata ?? {},
    fields: bad === undefined ? [] : BadRequest.decode(bad).fieldViolations.map(({ field }) => field),
    retryAfterMs: delay === undefined ? undefined : Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    generation: generation === undefined ? undefined : GenerationFailure.decode(generation),
    trailerBytes: Buffer.isBuffer(bytes) ? Math.ceil(bytes.length / 3) * 4 + encodeURI(error.details).length : 0,
  };
}

export interface Generated {
  readonly events: readonly GenerateResponse[];
  readonly text: string;
  readonly failure: RpcFailure | undefined;
}

/** Runs one generation to its end. */
export async function generate({ generateClient, adminToken }: TestDaemon, request: GenerateRequest, token = adminToken): Promise<Generated> {
  const events: GenerateResponse[] = [];
  let failure: RpcFailure | undefined;
  const call = generateClient.generate(request, bearer(token));
  try {
    for await (const event of call as AsyncIterable<GenerateResponse>) events.push(event);
  } catch (error) {
    failure = rpcFailure(error as ServiceError);
  }
  const text = events.map(({ event }) => (event?.$case === 'textDelta' ? event.value.text : '')).join('');
  return { events, text, failure };
}
