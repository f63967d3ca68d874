import { GenerateResponse } from '../../gen/tollgate/v1/generate_service.ts';
import type { Generation } from '../typescript/generation.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Console } from './console.ts';

/** Writes a generation's events to standard output, one JSON object a line. */
export async function writeEvents(generation: Generation, console: Console): Promise<void> {
  for await (const { seq, ...event } of generation) {
    const line = await canonicalJson('tollgate.v1.GenerateResponse', GenerateResponse.encode({ seq, event }));
    await console.out.write(`${console.safe(line)}\n`);
    if (console.out.closed.aborted) return;
  }
}
