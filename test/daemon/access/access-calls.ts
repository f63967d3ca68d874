import { readFileSync } from 'node:fs';
import { credentials, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { startDaemon } from '../../../src/daemon/daemon.ts';
import { makeLogger } from '../../../src/daemon/logger.ts';
import {
  AccessServiceClient, CreateTokenRequest, type CreateTokenResponse, ListTokensRequest, type ListTokensResponse, type RevokeTokenResponse, type WhoAmIResponse,
} from '../../../src/gen/tollgate/v1/access_service.ts';
import { bearer, rpcFailure, type RpcFailure, type TestDaemon } from '../test-daemon.ts';

export type Answer<T> = { readonly response: T; readonly failure?: undefined } | { readonly failure: RpcFailure; readonly response?: undefined };

const call = <T>(start: (reply: (error: ServiceError | null, response: T) => void) => unknown): Promise<Answer<T>> =>
  new Promise((resolve) => start((error, response) => resolve(error === null ? { response } : { failure: rpcFailure(error) })));

/** What these calls need of a daemon. */
export type Callable = Pick<TestDaemon, 'accessClient' | 'adminToken'>;

export const whoAmI = ({ accessClient }: Callable, credential: Metadata | string) =>
  call<WhoAmIResponse>((reply) => accessClient.whoAmI({}, typeof credential === 'string' ? bearer(credential) : credential, reply));

export const createToken = ({ accessClient, adminToken }: Callable, request: Parameters<typeof CreateTokenRequest.fromPartial>[0], token = adminToken) =>
  call<CreateTokenResponse>((reply) => accessClient.createToken(CreateTokenRequest.fromPartial(request), bearer(token), reply));

/** Makes a token and gives it back whole: fails the test when it is refused. */
export async function made(daemon: Callable, request: Parameters<typeof CreateTokenRequest.fromPartial>[0]): Promise<CreateTokenResponse> {
  const { response, failure } = await createToken(daemon, request);
  if (response === undefined) throw new Error(failure.message);
  return response;
}

export const listTokens = ({ accessClient, adminToken }: Callable, request: Partial<ListTokensRequest> = {}, token = adminToken) =>
  call<ListTokensResponse>((reply) => accessClient.listTokens(ListTokensRequest.fromPartial(request), bearer(token), reply));

export const revokeToken = ({ accessClient, adminToken }: Callable, id: string, token = adminToken) =>
  call<RevokeTokenResponse>((reply) => accessClient.revokeToken({ id }, bearer(token), reply));

/** Stops a daemon and starts another on the same home. */
export async function restarted({ daemon, environment, log }: TestDaemon): Promise<Callable> {
  await daemon.close(true);
  const next = await startDaemon({ environment, log: makeLogger('trace', { write: (line) => void log.push(line) }) });
  const accessClient = new AccessServiceClient(next.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(async () => {
    accessClient.close();
    await next.close(true);
  });
  return { accessClient, adminToken: readFileSync(environment.home.adminTokenFile, 'utf8').trim() };
}
