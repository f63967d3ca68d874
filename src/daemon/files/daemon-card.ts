import { rm } from 'node:fs/promises';
import { writePrivateFile } from './private-file.ts';

export interface DaemonCard {
  /** Adds these fields, or takes away those that are undefined. Shown from the first write with a `pid` on, until it is removed. */
  write(fields: Readonly<Record<string, unknown>>): Promise<void>;
  remove(): Promise<void>;
}

/** Keeps `run/daemon.json`: who runs, where it listens, and what is wrong with the config that was last saved. */
export function daemonCard(path: string): DaemonCard {
  let fields: Readonly<Record<string, unknown>> = {};
  let removed = false;
  let last: Promise<void> = Promise.resolve();
  /** One step after the other, whatever became of the one before: each file is whole, and the last one wins. */
  const then = (step: () => Promise<void>): Promise<void> => (last = last.catch(() => {}).then(step));
  return {
    write(changed) {
      fields = { ...fields, ...changed };
      const text = `${JSON.stringify(fields)}\n`;
      return removed || !Object.hasOwn(fields, 'pid') ? Promise.resolve() : then(() => writePrivateFile(path, text));
    },
    remove() {
      removed = true;
      return then(() => rm(path, { force: true }));
    },
  };
}
