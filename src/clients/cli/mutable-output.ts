import { Writable } from 'node:stream';

/** A terminal's output that can be told to show nothing for a while. */
export interface MutableOutput {
  /** For readline: what is written while it is muted is dropped. */
  readonly stream: Writable;
  isMuted: boolean;
}

/** So that what a person types does not end up in the middle of an answer. */
export function mutableOutput(output: NodeJS.WriteStream): MutableOutput {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Uint8Array, _encoding, done) {
      if (!mutable.isMuted) output.write(chunk);
      done();
    },
  });
  // readline wraps long lines by these.
  Object.defineProperty(stream, 'columns', { get: () => output.columns });
  const resized = (): void => void stream.emit('resize');
  output.on('resize', resized);
  stream.once('close', () => output.removeListener('resize', resized));
  const mutable: MutableOutput = { stream, isMuted: false };
  return mutable;
}
