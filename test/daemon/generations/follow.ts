import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import type { GenerateRequest, GenerateResponse, GenerateServiceClient, ResumeGenerationResponse } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { bearer, rpcFailure, type RpcFailure } from '../test-daemon.ts';

/** A stream that is being read. */
export interface Followed {
  readonly events: readonly GenerateResponse[];
  readonly text: string;
  readonly lastSeq: bigint | undefined;
  /** Resolves when so many events have come. */
  reached(count: number): Promise<void>;
  /** The failure, undefined after OK. */
  readonly ended: Promise<RpcFailure | undefined>;
  cancel(): void;
}

function follow<T>(call: ClientReadableStream<T>, responseOf: (message: T) => GenerateResponse | undefined): Followed {
  const events: GenerateResponse[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const ended = Promise.withResolvers<RpcFailure | undefined>();
  call.on('data', (message: T) => {
    const response = responseOf(message);
    if (response === undefined) throw new Error('a message without an event');
    events.push(response);
    for (const { count, resolve } of waiting) if (events.length >= count) resolve();
  });
  call.on('error', (error: ServiceError) => ended.resolve(rpcFailure(error)));
  call.on('end', () => ended.resolve(undefined));
  return {
    events,
    get text() {
      return events.map(({ event }) => (event?.$case === 'textDelta' ? event.value.text : '')).join('');
    },
    get lastSeq() {
      return events.at(-1)?.seq;
    },
    reached: (count) => (events.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve }))),
    ended: ended.promise,
    cancel: () => call.cancel(),
  };
}

export const generating = (client: GenerateServiceClient, request: GenerateRequest, token: string, deadline?: Date): Followed =>
  follow(deadline === undefined ? client.generate(request, bearer(token)) : client.generate(request, bearer(token), { deadline }), (response) => response);

export const resuming = (client: GenerateServiceClient, generationId: string, afterSeq: bigint | undefined, token: string): Followed =>
  follow(client.resumeGeneration({ generationId, afterSeq }, bearer(token)), ({ response }: ResumeGenerationResponse) => response);

/** The id that a stream began with. */
export function idOf({ events }: Followed): string {
  const first = events[0]?.event;
  if (first?.$case !== 'attemptStarted') throw new Error('the stream did not begin with attempt_started');
  return first.value.generationId;
}

export const seqs = (...streams: readonly Followed[]): readonly number[] => streams.flatMap(({ events }) => events.map(({ seq }) => Number(seq)));
export const upTo = (end: number): readonly number[] => Array.from({ length: end }, (_, at) => at);
