import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ResumeGenerationRequest, ResumeGenerationResponse } from '../../gen/tollgate/v1/generate_service.ts';
import type { Generations } from '../generations/generations.ts';
import { followGeneration } from './follow-generation.ts';
import type { CallScope, Decoded } from './serve.ts';

/** The handler of ResumeGeneration. */
export const resumeGeneration =
  (generations: Generations) =>
  async ({ generationId, afterSeq }: ResumeGenerationRequest, scope: CallScope, call: ServerWritableStream<Decoded<ResumeGenerationRequest>, ResumeGenerationResponse>): Promise<void> => {
    const { client } = scope.caller;
    const stream = generations.find(client, generationId);
    scope.log.info({ rpc: 'ResumeGeneration', client, generation: generationId, after_seq: afterSeq === undefined ? undefined : String(afterSeq) }, 'resumed');
    await followGeneration(stream, afterSeq, (response, done) => call.write({ response }, done), scope);
  };
