import { readFileSync } from 'node:fs';
import { Client, credentials, status, type Metadata, type MethodDefinition, type StatusObject } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { daemonFile, type SpawnedDaemon } from './spawned-daemon.ts';
import { bearer, rpcFailure } from './test-daemon.ts';

/** How a call ended, and every byte that it brought. */
export interface Ended<Response> {
  /** "OK", the reason of the failure, or its status when it has none: it comes from our own side of the call then. */
  readonly reason: string;
  readonly responses: readonly Response[];
  /** Messages, status, headers and trailers. */
  readonly received: Buffer;
}

export interface CallOptions {
  /** Hangs up when this is true of the messages so far. */
  readonly hangUp?: (count: number) => boolean;
  /** In milliseconds. */
  readonly deadline?: number;
  /** Instead of the daemon's own token. */
  readonly metadata?: Metadata;
  /** Instead of the method's own path. */
  readonly path?: string;
}

export interface CanaryClient {
  readonly adminToken: string;
  call<Request, Response>(method: Pick<MethodDefinition<Request, Response>, 'path' | 'requestSerialize' | 'responseDeserialize'>, request: Request, options?: CallOptions): Promise<Ended<Response>>;
}

const textsOf = (metadata: Metadata): readonly Buffer[] => Object.keys(metadata.getMap()).flatMap((name) => [Buffer.from(` ${name}: `), ...metadata.get(name).map((value) => Buffer.from(value))]);

/** Who is faster at a deadline, the caller or the daemon, is open; and both call it the same. */
function reasonOf({ code, details, metadata }: StatusObject): string {
  if (code === status.OK) return 'OK';
  return rpcFailure(Object.assign(new Error(details), { code, details, metadata })).reason ?? (code === status.DEADLINE_EXCEEDED ? 'DEADLINE' : (status[code] ?? String(code)));
}

/** Calls a daemon and keeps all that comes back. */
export function canaryClient(daemon: SpawnedDaemon): CanaryClient {
  const client = new Client(daemonFile(daemon).grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => client.close());
  const adminToken = readFileSync(daemon.environment.home.adminTokenFile, 'utf8').trim();
  return {
    adminToken,
    call: ({ path, requestSerialize, responseDeserialize }, request, { hangUp, deadline, metadata = bearer(adminToken), path: other = path } = {}) =>
      new Promise((resolve) => {
        // On the wire, one answer is a stream of one.
        const call = client.makeServerStreamRequest(other, requestSerialize, (bytes: Buffer) => bytes, request, metadata, deadline === undefined ? {} : { deadline: Date.now() + deadline });
        const messages: Buffer[] = [];
        const around: Buffer[] = [];
        call.on('metadata', (headers) => around.push(...textsOf(headers)));
        call.on('data', (message: Buffer) => {
          messages.push(message);
          if (hangUp?.(messages.length) === true) call.cancel();
        });
        call.on('error', () => {});
        call.on('status', (end) => {
          around.push(Buffer.from(` ${end.code} ${end.details} `), ...textsOf(end.metadata));
          resolve({ reason: reasonOf(end), responses: messages.map(responseDeserialize), received: Buffer.concat([...messages, ...around]) });
        });
        if (hangUp?.(0) === true) setImmediate(() => call.cancel());
      }),
  };
}
