import type { Entry } from '@napi-rs/keyring';
import type { KeychainJob, KeychainProblem, KeychainResult } from './keychain-job.ts';

/**
 * A process of its own: the keychain's library blocks its thread until the user has answered a question, and a process whose thread is
 * blocked cannot end.
 */

const SERVICE = 'tollgate';

const entryOf = async (account: string): Promise<Entry> => {
  const keyring = await import('@napi-rs/keyring');
  // Without this, Linux may take the kernel's keyring, which forgets everything at the next boot.
  return new keyring.Entry(SERVICE, account, { linux: { store: 'secret-service' } });
};

/** The library tells what went wrong only in words. */
function problemOf(why: string): KeychainProblem {
  if (/did not receive a reply|timed? ?out/i.test(why)) return 'silent';
  if (/dismissed|\blocked\b|interaction is not allowed|cancel+ed/i.test(why)) return 'locked';
  if (/no result found|DBus error|cannot find (native|module)|no default/i.test(why)) return 'absent';
  return 'failed';
}

async function run({ kind, account, secret }: KeychainJob): Promise<KeychainResult> {
  const entry = await entryOf(account);
  if (kind === 'read') return { done: true, value: entry.getPassword() };
  if (kind === 'remove') return { done: true, value: entry.deletePassword() };
  entry.setPassword(secret);
  if (kind === 'try') entry.deletePassword();
  return { done: true, value: null };
}

process.on('message', (job: KeychainJob) => {
  void run(job)
    .catch((error: unknown): KeychainResult => {
      const why = error instanceof Error ? error.message : String(error);
      return { done: false, problem: problemOf(why), why };
    })
    .then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit());
// Only the daemon decides when this ends: a Ctrl+C in its terminal reaches both.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
