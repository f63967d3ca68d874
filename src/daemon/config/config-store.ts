import { watch, type FSWatcher } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { basename, dirname } from 'node:path';
import type { Config } from './config.ts';

export interface ConfigStore {
  /** The config in force: one snapshot, replaced as a whole. */
  readonly current: Config;
  /** Puts a config in force at once: the one that the file holds from now on. */
  apply(config: Config): void;
  /** Calls back after each change. Returns the way to stop that. */
  subscribe(onChange: (config: Config) => void): () => void;
  close(): void;
}

export interface ConfigStoreOptions {
  readonly file: string;
  readonly initial: Config;
  readonly load: () => Promise<Config>;
  readonly onInvalid: (error: unknown) => void;
}

/** Editors write in several steps; one reload follows when they are done. */
const SETTLE_MS = 50;

/** Watches the config file. An invalid one changes nothing: it is told, and the snapshot before stays in force. */
export function watchConfig({ file, initial, load, onInvalid }: ConfigStoreOptions): ConfigStore {
  let current = initial;
  let timer: NodeJS.Timeout | undefined;
  let generation = 0;
  let isFileValid = true;
  const subscribers = new Set<(config: Config) => void>();

  const apply = (next: Config): void => {
    generation++;
    // What was written through `apply` is seen by the watcher too.
    if (isFileValid && isDeepStrictEqual(next, current)) return;
    isFileValid = true;
    current = next;
    for (const onChange of subscribers) onChange(next);
  };

  const reload = async (): Promise<void> => {
    const mine = ++generation;
    try {
      const next = await load();
      if (mine === generation) apply(next);
    } catch (error) {
      if (mine !== generation) return;
      isFileValid = false;
      onInvalid(error);
    }
  };

  const name = basename(file);
  // The directory is watched, not the file: a file that is replaced by a rename would be lost.
  const watcher: FSWatcher = watch(dirname(file), { persistent: false }, (_event, changed) => {
    if (changed !== null && changed !== name) return;
    clearTimeout(timer);
    timer = setTimeout(() => void reload(), SETTLE_MS);
  });
  watcher.on('error', onInvalid);

  return {
    get current() {
      return current;
    },
    apply,
    subscribe(onChange) {
      subscribers.add(onChange);
      return () => subscribers.delete(onChange);
    },
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
