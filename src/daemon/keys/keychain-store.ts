import { lstat } from 'node:fs/promises';
import type { Environment } from '../../environment.ts';
import { invalidRequest, type Failure } from '../failure.ts';
import { Secret } from '../secret.ts';
import { keychainChannel } from './keychain-channel.ts';
import type { KeychainJob, KeychainResult } from './keychain-job.ts';
import type { SecretStore } from './secret-store.ts';
import { locked, unavailable } from './store-failure.ts';

export interface KeychainStore extends SecretStore {
  /** Why none can be looked for; undefined when there may be one. Asks nobody. */
  whyNowhere(): Promise<string | undefined>;
  /**
   * Why there is no keychain here; undefined when there is one that can be written to. Throws KEYS_LOCKED when it is there and locked,
   * KEY_STORE_UNAVAILABLE when it is there and does not answer.
   */
  whyAbsent(): Promise<string | undefined>;
}

export interface KeychainStoreOptions {
  readonly environment: Pick<Environment, 'home' | 'sessionBus' | 'userDir'>;
  readonly platform?: NodeJS.Platform;
}

/** What a person calls it. */
const nameOf = (platform: NodeJS.Platform): string => (platform === 'darwin' ? 'the macOS Keychain' : "the keychain of this session (D-Bus' Secret Service)");

/** Which variables a keychain is found by. A reason in words when they lead to none. */
async function whereabouts({ sessionBus, userDir }: KeychainStoreOptions['environment'], platform: NodeJS.Platform): Promise<Readonly<Record<string, string>> | string> {
  const home: Readonly<Record<string, string>> = userDir === undefined ? {} : { HOME: userDir };
  if (platform === 'darwin') return userDir === undefined ? 'HOME is not set' : home;
  if (platform !== 'linux') return `no keychain of ${platform} is supported`;
  if (sessionBus.address !== undefined) return { ...home, DBUS_SESSION_BUS_ADDRESS: sessionBus.address };
  const { socket } = sessionBus;
  const stats = socket === undefined ? undefined : await lstat(socket).catch(() => undefined);
  return socket === undefined || stats === undefined ? 'there is no D-Bus session here (DBUS_SESSION_BUS_ADDRESS is not set)' : { ...home, DBUS_SESSION_BUS_ADDRESS: `unix:path=${socket}` };
}

/** The keychain of the operating system: a service `tollgate`, an account each. Every call is answered within 5 s. */
export function keychainStore({ environment, platform = process.platform }: KeychainStoreOptions): KeychainStore {
  const name = nameOf(platform);
  const channel = whereabouts(environment, platform).then((env) => (typeof env === 'string' ? env : keychainChannel(env)));

  const failureOf = (result: KeychainResult & { readonly done: false }): Failure => {
    const cause = new Error(result.why);
    if (result.problem === 'locked') return locked(`${name} is locked: unlock it in its own app or by logging in, then run \`tollgate keys unlock\``, cause);
    if (result.problem === 'silent') return unavailable(`${name} did not answer within 5 s. If it asks for a password, answer that and try again; else restart it`, cause);
    if (result.problem === 'absent') return unavailable(`${name} cannot be used: it runs no Secret Service with a default keyring. Start one, or set keys.store to "file" in the config`, cause);
    return unavailable(`${name} failed; the log of the daemon says why. Try again, or set keys.store to "file" in the config`, cause);
  };

  const run = async (job: KeychainJob): Promise<KeychainResult> => {
    const way = await channel;
    return typeof way === 'string' ? { done: false, problem: 'absent', why: way } : await way.run(job);
  };

  let wasLocked = false;
  const done = async (kind: KeychainJob['kind'], account: string, secret = ''): Promise<string | boolean | null> => {
    const result = await run({ kind, account, secret });
    wasLocked = !result.done && result.problem === 'locked';
    if (result.done) return result.value;
    throw failureOf(result);
  };

  return {
    origin: 'keychain',
    description: name,
    async whyNowhere() {
      const way = await channel;
      return typeof way === 'string' ? way : undefined;
    },
    async whyAbsent() {
      const way = await channel;
      if (typeof way === 'string') return way;
      const { id } = environment.home;
      const result = await way.run({ kind: 'try', account: id === '' ? '@try' : `@try:${id}`, secret: 'no secret' });
      if (result.done) return undefined;
      if (result.problem === 'absent') return `the D-Bus session has no keychain that can be used (${result.why})`;
      throw failureOf(result);
    },
    async read(account) {
      const value = await done('read', account);
      return typeof value === 'string' ? new Secret(value) : undefined;
    },
    async write(account, secret) {
      await done('write', account, secret.reveal());
    },
    remove: async (account) => (await done('remove', account)) === true,
    isLocked: async () => wasLocked,
    forget() {},
    async unlock(passphrase) {
      if (passphrase.reveal() !== '') throw invalidRequest([{ field: 'passphrase', description: `the keys are kept in ${name}, which has no passphrase of Tollgate's; leave it empty` }]);
    },
    async close() {
      const way = await channel;
      if (typeof way !== 'string') await way.close();
    },
  };
}
