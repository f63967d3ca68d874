import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Adapter, Low } from 'lowdb';
import { EXIT, StartError } from '../start-error.ts';
import { fileError } from './file-error.ts';
import { inTurn } from './in-turn.ts';
import { readPrivateFile, removeLeftovers, syncDirectory, writePrivateFile } from './private-file.ts';

export interface PrivateJsonOptions<T> {
  /** Makes data of what the file holds; undefined for whatever is not of its shape. */
  readonly parse: (json: unknown) => T | undefined | Promise<T | undefined>;
  /** In bytes. A longer file is neither read nor written. */
  readonly maxBytes: number;
  /** What to do about a damaged file, for the StartError that refuses it. */
  readonly remedy?: string;
  /** Takes a damaged file for none: told where it was put out of the way. Without it, damage is refused. */
  readonly onSetAside?: (aside: string) => void;
  /** The newest `version` in the file that this build reads. A newer one is refused, never written over. Default 1. */
  readonly version?: number;
}

export interface PrivateJson<T> {
  /** What the file held when it was opened; undefined when there was none. */
  readonly initial: T | undefined;
  /** Writes what `make` gives when its turn has come, one after the other. On the disk when this resolves. Throws a StartError. */
  write(make: () => object): Promise<void>;
}

const versionOf = (json: unknown): number => (typeof json === 'object' && json !== null && 'version' in json && typeof json.version === 'number' ? json.version : 0);

/** lowdb's own file adapter leaves files to the disk's good will, readable by others, and follows links: this one does not. */
const adapter = (path: string, maxBytes: number): Adapter<object> => ({
  async read() {
    const text = await readPrivateFile(path, maxBytes);
    if (text === undefined) return null;
    try {
      const json: unknown = JSON.parse(text);
      return { json };
    } catch {
      return { json: undefined };
    }
  },
  async write(data) {
    const text = `${JSON.stringify(data, null, 2)}\n`;
    if (Buffer.byteLength(text) > maxBytes) throw new StartError(EXIT.DAMAGED, `${path} would become longer than ${maxBytes} bytes, which cannot be read again; nothing was changed. Remove what is not needed first.`);
    await writePrivateFile(path, text);
  },
});

/** Puts a file out of the way, under a name that says when. Throws a StartError. */
export async function setAside(path: string): Promise<string> {
  const aside = `${path}.corrupt-${new Date().toISOString().replaceAll(':', '-')}`;
  try {
    await rename(path, aside);
    await syncDirectory(dirname(path));
    return aside;
  } catch (error) {
    throw fileError(error, path);
  }
}

/**
 * Opens a JSON file that is ours alone: mode 0600, no link, written whole or not at all. Throws a StartError for a file that is in the
 * way, damaged, or of a newer version.
 */
export async function openPrivateJson<T>(path: string, { parse, maxBytes, remedy = 'Put it back from a backup, or delete it.', onSetAside, version = 1 }: PrivateJsonOptions<T>): Promise<PrivateJson<T>> {
  const file = adapter(path, maxBytes);
  const turn = inTurn();
  let low: Low<object> | undefined;
  await removeLeftovers(path);
  const held = await file.read();
  const json: unknown = held !== null && 'json' in held ? held.json : undefined;
  if (versionOf(json) > version) throw new StartError(EXIT.DAMAGED, `${path} was written by a newer Tollgate (version ${versionOf(json)}; this one reads ${version}). Update Tollgate, or choose another home with TOLLGATE_HOME.`);
  const initial = held === null ? undefined : await parse(json);
  if (held !== null && initial === undefined) {
    if (onSetAside === undefined) throw new StartError(EXIT.DAMAGED, `${path} is damaged. ${remedy}`);
    onSetAside(await setAside(path));
  }
  return {
    initial,
    write: (make) =>
      turn(async () => {
        // Loaded at the first write: most launches make none, and a start need not wait for it.
        low ??= new (await import('lowdb')).Low<object>(file, {});
        low.data = make();
        await low.write();
      }),
  };
}
