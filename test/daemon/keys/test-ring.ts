import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DEFAULT_CONFIG, type Config, type ProviderConfig } from '../../../src/daemon/config/config.ts';
import { Failure } from '../../../src/daemon/failure.ts';
import type { KeyRing } from '../../../src/daemon/keys/key-ring.ts';
import { openKeyRing } from '../../../src/daemon/keys/open-key-ring.ts';
import { makeLogger } from '../../../src/daemon/logger.ts';
import type { ProviderInstance } from '../../../src/daemon/plugins/provider-instance.ts';
import { buildRegistry } from '../../../src/daemon/plugins/registry.ts';
import { Secret } from '../../../src/daemon/secret.ts';
import { readEnvironment, type Home, type Variables } from '../../../src/environment.ts';
import { shipped } from '../../../src/plugins/index.ts';

export const KEY = 'sk-a-key-of-a-test-0001';
export const OTHER_KEY = 'sk-a-key-of-a-test-0002';

export interface TestRing {
  readonly ring: KeyRing;
  readonly home: Home;
  /** The lines of its log. */
  readonly log: readonly string[];
  /** What stands in keys.store from now on. */
  configure(store: Config['keys']['store']): void;
}

export interface TestRingOptions {
  readonly directory?: string;
  readonly store?: Config['keys']['store'];
  readonly variables?: Variables;
  readonly now?: () => number;
}

export const isInstalled = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'tgk-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};

/** A real ring in a home of its own, without a session of D-Bus unless the variables have one; it closes with the test. */
export function testRing({ directory = temporaryDirectory(), store = 'auto', variables = {}, now }: TestRingOptions = {}): TestRing {
  const environment = readEnvironment({ ...variables, TOLLGATE_HOME: directory });
  const log: string[] = [];
  let config: Pick<Config, 'keys'> = { keys: { store } };
  const ring = openKeyRing({ environment, config: () => config, log: makeLogger('trace', { write: (line) => void log.push(line) }), ...(now === undefined ? {} : { now }) });
  onTestFinished(() => ring.close());
  return { ring, home: environment.home, log, configure: (next) => (config = { keys: { store: next } }) };
}

/** One of the providers that ship, as the config makes it. */
export function provider(name: string, entry: Partial<ProviderConfig> = {}): ProviderInstance {
  const listed: ProviderConfig = { type: name, enabled: true, baseUrl: undefined, settings: {}, keyEnv: undefined, defaultModel: undefined, ...entry };
  const instance = buildRegistry({ ...DEFAULT_CONFIG, providers: { [name]: listed } }, shipped, {}).instances.get(name);
  if (instance === undefined) throw new Error(`there is no provider ${name}`);
  return instance;
}

export const secret = (text: string): Secret => new Secret(text);

/** The instance's keys in the clear. */
export const keysOf = async (ring: KeyRing, instance: ProviderInstance): Promise<readonly string[]> => (await ring.keysFor(instance)).map((key) => key.secret.reveal());

export async function failureOf(action: () => Promise<unknown>): Promise<Failure> {
  try {
    await action();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** What the encrypted file holds, as the `age` command line reads it. */
export const readWithAge = ({ ageFile, ageIdentityFile }: Home): unknown => JSON.parse(execFileSync('age', ['-d', '-i', ageIdentityFile, ageFile], { encoding: 'utf8' }));
