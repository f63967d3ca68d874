import { parentPort } from 'node:worker_threads';
import { armor, Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { AgeJob, AgeKey, AgeResult } from './age-job.ts';

/** A thread of its own: scrypt takes a second or two, and loading age a fifth of one, which the daemon's thread must not. */

/** What `age` says when none of the keys that it was given fits. */
const NO_MATCH = "no identity matched any of the file's recipients";

async function encrypt(key: AgeKey, text: string): Promise<AgeResult> {
  const encrypter = new Encrypter();
  if ('passphrase' in key) encrypter.setPassphrase(key.passphrase);
  else encrypter.addRecipient(await identityToRecipient(key.identities[0] ?? ''));
  return { kind: 'encrypted', data: await encrypter.encrypt(text) };
}

/** `age --armor` writes text. */
function bytesOf(data: Uint8Array): Uint8Array {
  const start = Buffer.from(data.subarray(0, 64)).toString('latin1').trimStart();
  return start.startsWith('-----BEGIN') ? armor.decode(Buffer.from(data).toString('latin1')) : data;
}

async function decrypt(key: AgeKey, data: Uint8Array): Promise<AgeResult> {
  const decrypter = new Decrypter();
  if ('passphrase' in key) decrypter.addPassphrase(key.passphrase);
  else for (const identity of key.identities) decrypter.addIdentity(identity);
  try {
    const bytes = await decrypter.decrypt(bytesOf(data));
    return { kind: 'decrypted', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return why === NO_MATCH ? { kind: 'closed' } : { kind: 'damaged', why };
  }
}

async function run(job: AgeJob): Promise<AgeResult> {
  if (job.kind === 'encrypt') return await encrypt(job.key, job.text);
  if (job.kind === 'decrypt') return await decrypt(job.key, job.data);
  const identity = await generateX25519Identity();
  return { kind: 'identity', identity, recipient: await identityToRecipient(identity) };
}

parentPort?.on('message', (job: AgeJob) => {
  void run(job)
    .catch((error: unknown): AgeResult => ({ kind: 'damaged', why: error instanceof Error ? error.message : String(error) }))
    .then((result) => parentPort?.postMessage(result, []));
});
