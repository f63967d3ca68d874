import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './children.ts';

/** The programs that the bench uses. All that could be there and is not stands in `missing`. */
export interface Tools {
  /** Runs the mock on a port given as the last argument. */
  readonly mock: readonly string[];
  /** Runs the load generator. */
  readonly load: readonly string[];
  /** Our own generator: the only one that sees the first token through gRPC. */
  readonly ownLoad: readonly string[];
  readonly nginx: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
  /** Puts a command on a core, where the system can. */
  on(core: number, command: readonly string[]): readonly string[];
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** nginx stands where a user's PATH often does not look. */
const PATH = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

const find = (program: string): string | undefined => PATH.map((directory) => join(directory, program)).find(isProgram);

async function buildStrong(source: string, directory: string, missing: string[]): Promise<Pick<Tools, 'mock' | 'load'> | undefined> {
  const compiler = find('cc');
  if (!existsSync(source)) missing.push('the C tools `mock` and `lg` (tools/load of the shared folder)');
  else if (compiler === undefined) missing.push('a C compiler, to build the stronger `mock` and `lg`');
  else {
    try {
      const build = (name: string, ...libraries: readonly string[]): Promise<string> => runChild([compiler, '-O2', '-w', '-o', join(directory, name), join(source, `${name}.c`), ...libraries], 60_000);
      await Promise.all([build('mock'), build('lg', '-lnghttp2')]);
      return { mock: [join(directory, 'mock')], load: [join(directory, 'lg')] };
    } catch (error) {
      missing.push(`the C tools: ${/nghttp2\/nghttp2\.h/.test(String(error)) ? 'the headers of libnghttp2 are not installed (Debian: libnghttp2-dev)' : String(error)}`);
    }
  }
  return undefined;
}

/** Looks for what this machine has, and builds the C tools into `directory`. Installs nothing. */
export async function findTools(directory: string): Promise<Tools> {
  const missing: string[] = [];
  const nginx = find('nginx');
  const taskset = find('taskset');
  if (nginx === undefined) missing.push('nginx (Debian: nginx-light): its rows and all ratios to it are left out');
  if (taskset === undefined) missing.push('taskset: nothing is pinned to a core');
  const strong = await buildStrong(here('../../shared/tools/load'), directory, missing);
  const ownLoad = [process.execPath, here('load.ts')];
  return {
    mock: strong?.mock ?? [process.execPath, here('mock-upstream.ts')],
    load: strong?.load ?? ownLoad,
    ownLoad,
    nginx,
    versions: {
      node: process.versions.node,
      // It prints its version to standard error.
      nginx: nginx === undefined ? 'none' : ((await runChild(['sh', '-c', `${nginx} -v 2>&1`], 5000)).trim().split('/').at(-1) ?? ''),
      mock: strong === undefined ? 'bench/mock-upstream.ts' : 'mock (C)',
      load: strong === undefined ? 'bench/load.ts' : 'lg (C)',
    },
    missing,
    on: (core, command) => (taskset === undefined ? command : [taskset, '-c', String(core), ...command]),
  };
}
