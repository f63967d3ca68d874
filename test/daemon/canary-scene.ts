import { once } from 'node:events';
import { expect } from 'vitest';
import type { Find, Finder } from './canary.ts';
import { canaryFinder, canaryPrompt } from './canary.ts';
import { canaryClient, type CanaryClient, type Ended } from './canary-client.ts';
import { findInFiles, findInProcess, processTree } from './canary-places.ts';
import { spawnDaemon, type SpawnedDaemon } from './spawned-daemon.ts';

const findPrompt = canaryFinder([canaryPrompt]);

// oxlint-disable-next-line no-control-regex
const shown = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '.');
const tell = (where: string, found: Find | undefined): readonly string[] => (found === undefined ? [] : [`${where}: ${found.form}: ${shown(found.around)}`]);

/** A daemon that logs all it can, and what came out of it. */
export interface CanaryScene {
  readonly daemon: SpawnedDaemon;
  readonly client: CanaryClient;
  readonly home: string;
  /** How many paths were gone. */
  readonly paths: number;
  /** Goes a path: it must end as said, and bring no canary. What it was, when it did not. */
  readonly go: <Response>(path: string, ends: string, call: () => Promise<Ended<Response>>, reasonOf?: (ended: Ended<Response>) => string) => Promise<Ended<Response>>;
  /** Resolves once the log has said this so often. */
  readonly heard: (words: string, times: number) => Promise<void>;
  /** Looks at all that the daemon has left until now: its output, the files of its home, what the system shows of it. */
  readonly look: () => readonly string[];
  /** Fails with all that went wrong and all that was found. */
  readonly expectNothing: () => void;
}

export interface CanarySceneOptions {
  readonly find: Finder;
  readonly config?: object;
  readonly home?: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Whether its own environment may be looked at. Default true: no canary stands there. */
  readonly environ?: boolean;
}

/** Starts one that is killed with the test. */
export async function canaryScene({ find, environ = true, variables = {}, ...options }: CanarySceneOptions): Promise<CanaryScene> {
  const daemon = spawnDaemon({ ...options, variables: { TOLLGATE_LOG_LEVEL: 'trace', ...variables } });
  let output = '';
  daemon.child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
  const home = daemon.environment.variables['TOLLGATE_HOME'] ?? '';
  expect(await daemon.ready, daemon.log()).toBe('ready');
  const client = canaryClient(daemon);
  const { pid = 0 } = daemon.child;
  const problems: string[] = [];
  let paths = 0;

  const look = (): readonly string[] => [
    ...tell('log', find(daemon.log())),
    ...tell('log', findPrompt(daemon.log())),
    ...tell('standard output', find(output)),
    ...findInFiles(home, find).map(shown),
    ...findInFiles(home, findPrompt).map(shown),
    ...processTree(pid).flatMap((each) => findInProcess(each, find, environ || each !== pid ? ['cmdline', 'environ'] : ['cmdline'])),
  ];

  return {
    daemon,
    client,
    home,
    get paths() {
      return paths;
    },
    go: async (path, ends, call, reasonOf = ({ reason }) => reason) => {
      const ended = await call();
      paths++;
      const reason = reasonOf(ended);
      if (reason !== ends) problems.push(`${path}: ended with ${reason}, not with ${ends}: ${shown(ended.received.toString('latin1')).slice(0, 200)}`);
      problems.push(...tell(path, find(ended.received)));
      return ended;
    },
    heard: async (words, times) => {
      while (daemon.log().split(words).length <= times) await once(daemon.child.stderr ?? daemon.child, 'data');
    },
    look,
    expectNothing: () => expect([...problems, ...look()].slice(0, 20)).toEqual([]),
  };
}
