import { KeySource, type UnlockResponse } from '../../gen/tollgate/v1/keys_service.ts';
import { connect } from '../typescript/connect.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { sayStore } from './describe-key.ts';
import { openOrStart } from './open-client.ts';
import { readSecret } from './read-secret.ts';

export interface UnlockOptions {
  /** Asks for a passphrase at once, also for a store that has none yet: it gets this one. */
  readonly passphrase?: boolean;
}

export async function lockKeys(host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  await tollgate.keys.lock();
  await console.out.write('Locked: the daemon has forgotten every key.\n');
  console.say('Calls that need one are refused until `tollgate keys unlock`.', 'dim');
  return exitCode.done;
}

async function unlockWith(passphrase: string, tollgate: Tollgate, console: Console): Promise<UnlockResponse> {
  const done = await console.spin('opening the store');
  try {
    return await tollgate.keys.unlock(passphrase);
  } finally {
    done();
  }
}

async function askPassphrase(isNew: boolean, host: CliHost, console: Console): Promise<string> {
  const passphrase = await readSecret(isNew ? 'New passphrase, not shown: ' : 'Passphrase, not shown: ', 'the passphrase', host, console);
  if (passphrase === '') throw new CliError(exitCode.wrongUse, 'There is no passphrase. Nothing was changed.');
  if (isNew && host.stdin.isTTY && passphrase !== await readSecret('Once more: ', 'the passphrase', host, console)) {
    throw new CliError(exitCode.wrongUse, 'These are two passphrases. Nothing was changed.');
  }
  return passphrase;
}

/** Whether the store is open already and a passphrase would be its first one. */
async function isOpen(tollgate: Tollgate): Promise<boolean> {
  return (await tollgate.keys.list()).keyStore?.locked === false;
}

async function open(options: UnlockOptions, tollgate: Tollgate, host: CliHost, console: Console): Promise<UnlockResponse> {
  if (options.passphrase === true) return unlockWith(await askPassphrase(await isOpen(tollgate), host, console), tollgate, console);
  try {
    return await unlockWith('', tollgate, console);
  } catch (error) {
    if (!(error instanceof TollgateError) || error.reason !== 'KEYS_LOCKED') throw error;
    const { keyStore } = await tollgate.keys.list();
    // A keychain is opened by its own dialogue, never by a passphrase that passes through here.
    if (keyStore?.source !== KeySource.ENCRYPTED_FILE) throw error;
  }
  return unlockWith(await askPassphrase(false, host, console), tollgate, console);
}

export async function unlockKeys(options: UnlockOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await openOrStart(host, console);
  const { keyStore } = await open(options, tollgate, host, console);
  await console.out.write('Unlocked: the keys are in use.\n');
  sayStore(keyStore, console);
  return exitCode.done;
}
