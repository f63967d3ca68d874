import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Finder } from './canary.ts';

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/** What was found in names and contents below a directory. */
export function findInFiles(directory: string, find: Finder): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    const inName = find(entry.name);
    const content = entry.isFile() ? attempt(() => readFileSync(path)) : entry.isSymbolicLink() ? Buffer.from(readlinkSync(path)) : undefined;
    const inContent = content === undefined ? undefined : find(content);
    return [inName, inContent].flatMap((found) => (found === undefined ? [] : [`${path}: ${found.form}: ${found.around}`]));
  });
}

/** A process and all below it, by their ids. Linux only. */
export function processTree(pid: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = attempt(() => readFileSync(`/proc/${name}/stat`, 'utf8'));
      // The name of the program, in brackets, may hold anything.
      return stat === undefined ? [] : [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) }];
    });
  const below = (id: number): readonly number[] => [id, ...parents.filter(({ parent }) => parent === id).flatMap((child) => below(child.pid))];
  return below(pid);
}

/** What was found in what others may see of a process: its command line, and its environment unless that is its owner's own. */
export function findInProcess(pid: number, find: Finder, files: readonly ('cmdline' | 'environ')[] = ['cmdline', 'environ']): readonly string[] {
  return files.flatMap((file) => {
    const found = find(attempt(() => readFileSync(`/proc/${pid}/${file}`)) ?? '');
    return found === undefined ? [] : [`/proc/${pid}/${file}: ${found.form}: ${found.around}`];
  });
}
