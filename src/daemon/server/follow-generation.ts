import { Failure } from '../failure.ts';
import type { GenerationStream } from '../generations/generation-stream.ts';
import type { Write } from '../generations/stream-reader.ts';
import type { CallScope } from './serve.ts';

/** Sends a generation's events behind `afterSeq` to a caller, to the end. Throws what it fails with. */
export async function followGeneration(stream: GenerationStream, afterSeq: bigint | undefined, write: Write, scope: CallScope): Promise<void> {
  const { signal } = scope;
  const reader = stream.attach(afterSeq, write);
  const leave = (): void => {
    const why: unknown = signal.reason;
    stream.leave(reader, why instanceof Failure ? why : new Failure('CANCELLED', 'the caller went away'), scope.connectionLost);
  };
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    await reader.done;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
