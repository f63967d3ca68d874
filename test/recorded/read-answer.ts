import type { ServiceError } from '@grpc/grpc-js';
import { collectAnswer } from '../../src/clients/typescript/answer.ts';
import type { Part } from '../../src/gen/tollgate/v1/content.ts';
import type { Finish, GenerateRequest, GenerateResponse, GenerateServiceClient } from '../../src/gen/tollgate/v1/generate_service.ts';
import { bearer, rpcFailure, type RpcFailure } from '../daemon/test-daemon.ts';

/** What a client got: the answer put together, and how it ended. */
export interface ReadAnswer {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly argumentsJson: string }[];
  /** Unset when it failed. */
  readonly finish: Finish | undefined;
  /** Unset when it ended well. */
  readonly failure: RpcFailure | undefined;
  /** What is wrong with the order of the events. */
  readonly disorder: string | undefined;
}

function disorderOf(events: readonly GenerateResponse[], failed: boolean): string | undefined {
  const kinds = events.map(({ event }) => event?.$case);
  if (events.some(({ seq }, at) => seq !== BigInt(at))) return `seq has gaps: ${events.map(({ seq }) => seq).join(' ')}`;
  if (kinds.length > 0 && kinds[0] !== 'attemptStarted') return `the first event is ${kinds[0]}`;
  const finishes = kinds.filter((kind) => kind === 'finish').length;
  if (failed) return finishes === 0 ? undefined : 'a finish came, and then an error';
  return finishes === 1 && kinds.at(-1) === 'finish' ? undefined : `${finishes} finishes; the last event is ${kinds.at(-1)}`;
}

const joined = (parts: readonly Part[], read: (part: NonNullable<Part['part']>) => string): string => parts.map(({ part }) => (part === undefined ? '' : read(part))).join('');

/** Runs one generation to its end and keeps all that came, also before a failure. */
export async function readAnswer(client: GenerateServiceClient, token: string, request: GenerateRequest): Promise<ReadAnswer> {
  const call = client.generate(request, bearer(token));
  const events: GenerateResponse[] = [];
  const answer = collectAnswer();
  let failure: RpcFailure | undefined;
  call.on('data', (response: GenerateResponse) => {
    events.push(response);
    if (response.event !== undefined) answer.add(response.event);
  });
  call.on('error', (error: ServiceError) => {
    failure = rpcFailure(error);
  });
  // It comes last, also after an error.
  await new Promise((resolve) => call.on('status', resolve));
  const { parts } = answer.message();
  return {
    text: answer.text(),
    reasoning: joined(parts, (part) => (part.$case === 'reasoning' ? part.value.text : '')),
    refusal: joined(parts, (part) => (part.$case === 'refusal' ? part.value : '')),
    toolCalls: parts.flatMap(({ part }) => (part?.$case === 'toolCall' ? [part.value] : [])),
    finish: answer.finish(),
    failure,
    disorder: disorderOf(events, failure !== undefined),
  };
}
