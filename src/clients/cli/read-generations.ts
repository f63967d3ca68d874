import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { messageFromJson } from './canonical-json.ts';
import { CliError, exitCode } from './cli-error.ts';

/** A line of `usage watch --json` holds the generation as a field. */
function unwrapped(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'generation' in value ? value.generation : value;
}

/** Reads the generations of a file that `usage export` wrote, line by line. Throws a CliError that names the line that is none. */
export async function* readGenerations(input: Readable, name: string): AsyncGenerator<Generation, void> {
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === '') continue;
    let generation: Generation;
    try {
      generation = Generation.decode(await messageFromJson('tollgate.v1.Generation', unwrapped(JSON.parse(line))));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CliError(exitCode.refused, `${name}, line ${number} is no generation: ${why}`, 'Import reads what `tollgate usage export` wrote, one JSON object a line (not CSV).', 'What came before that line may have been taken in. Mend the line and run it again: nothing counts twice.');
    }
    yield generation;
  }
}

/** Opens a file, "-" is standard input. Rejects when there is none. */
export async function openInput(file: string, stdin: Readable): Promise<Readable> {
  if (file === '-') return stdin;
  const stream = createReadStream(file);
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', reject);
  });
  return stream;
}
