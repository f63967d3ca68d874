import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

export interface BoundedFile {
  readonly stats: Stats;
  /** The whole text; undefined when it is longer than allowed. */
  readonly read: () => Promise<string | undefined>;
  /** The same, as bytes. */
  readonly readBytes: () => Promise<Buffer | undefined>;
}

/** Reads at most a byte more than allowed, whatever size the file says it has. */
async function readAtMost(handle: FileHandle, maxBytes: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (length > maxBytes) return undefined;
    if (bytesRead === 0) return buffer.subarray(0, length);
  }
}

/**
 * Opens a file, lets `use` look at it and read it, and closes it. Never waits for a writer: a FIFO or a device is opened at once, and
 * `use` sees in `stats` what it is. `flags` adds to them, e.g. O_NOFOLLOW. Throws the system's errors.
 */
export async function withBoundedFile<T>(path: string, { maxBytes, flags = 0 }: { readonly maxBytes: number; readonly flags?: number }, use: (file: BoundedFile) => Promise<T>): Promise<T> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  try {
    const readBytes = (): Promise<Buffer | undefined> => readAtMost(handle, maxBytes);
    return await use({ stats: await handle.stat(), readBytes, read: async () => (await readBytes())?.toString('utf8') });
  } finally {
    await handle.close();
  }
}
