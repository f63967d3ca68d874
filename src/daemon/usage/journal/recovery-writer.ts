import { open, type FileHandle } from 'node:fs/promises';
import { EXIT, StartError } from '../../start-error.ts';
import { encodeLine, NO_HASH } from './line.ts';
import { headerJson } from './segment-header.ts';

/** Writes one segment that holds all that could be kept. */
export interface RecoveryWriter {
  add(json: string): Promise<void>;
  /** On the disk when it resolves. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

const PIECE_BYTES = 1024 * 1024;
/** A line says in 32 bits where it stands. */
const MAX_BYTES = 0xffff_ffff;

export async function openRecoveryWriter(path: string, segment: number, time: number): Promise<RecoveryWriter> {
  const handle: FileHandle = await open(path, 'w', 0o600);
  let pieces: Buffer[] = [];
  let offset = 0;
  let batch = 0;
  let previous = NO_HASH;

  async function flush(): Promise<void> {
    await handle.writeFile(Buffer.concat(pieces));
    pieces = [];
    batch = offset;
  }

  async function add(json: string): Promise<void> {
    const { bytes, line } = encodeLine(json, offset, batch, previous);
    if (line.end > MAX_BYTES) throw new StartError(EXIT.DAMAGED, 'the records that are whole are more than 4 GiB, which is too much for one segment. Nothing was changed. Move some of the oldest segments elsewhere and try again.');
    pieces.push(bytes);
    [offset, previous] = [line.end, line.hash];
    if (offset - batch >= PIECE_BYTES) await flush();
  }

  await add(headerJson({ segment, time, base: { kind: 'recovery' } }));
  return {
    add,
    async finish() {
      await flush();
      await handle.sync();
    },
    close: () => handle.close(),
  };
}
