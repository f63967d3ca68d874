import type { ServiceError } from '@grpc/grpc-js';
import type { GenerateRequest, GenerateResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import { bearer, rpcFailure, type RpcFailure, type TestDaemon } from './test-daemon.ts';

/** Generates until the text so far is `enough`, and hangs up then. Resolves with what the call ended with. */
export function hangUp({ generateClient, adminToken }: TestDaemon, request: GenerateRequest, enough: string): Promise<RpcFailure> {
  const call = generateClient.generate(request, bearer(adminToken));
  const ended = Promise.withResolvers<RpcFailure>();
  let text = '';
  call.on('data', ({ event }: GenerateResponse) => {
    if (event?.$case === 'textDelta') text += event.value.text;
    if (text === enough) call.cancel();
  });
  call.on('error', (error: ServiceError) => ended.resolve(rpcFailure(error)));
  call.on('end', () => ended.reject(new Error(`it ended with "${text}" before anybody hung up`)));
  return ended.promise;
}
