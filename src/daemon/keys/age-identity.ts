import { constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Environment } from '../../environment.ts';
import { withBoundedFile } from '../files/bounded-file.ts';
import { readPrivateFile, writePrivateFile } from '../files/private-file.ts';
import type { AgeThread } from './age-thread.ts';
import { unavailable } from './store-failure.ts';

export interface AgeIdentities {
  /** Where they come from. */
  readonly file: string;
  /** `AGE-SECRET-KEY-1…`, at least one. */
  readonly identities: readonly string[];
}

type Place = Pick<Environment, 'credentialsDir' | 'home'>;

const CREDENTIAL = 'age-identity';
const MAX_BYTES = 4096;
const IDENTITY = /^AGE-SECRET-KEY-1[A-Z0-9]{58}$/;

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** systemd owns what it gives a service, or lends it to it by an access list, which shows as the group's bits. */
async function readCredential(path: string): Promise<string | undefined> {
  try {
    return await withBoundedFile(path, { maxBytes: MAX_BYTES, flags: constants.O_NOFOLLOW }, async ({ stats, read }) => {
      const owned = stats.uid === 0 || stats.uid === process.getuid?.();
      if (!stats.isFile() || !owned || (stats.mode & 0o007) !== 0) throw unavailable(`${path} is no credential of systemd: it must be a file of root or of this user that others cannot read`);
      return await read();
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** As `age-keygen` writes them: a line each, beside comments. */
function identitiesOf(file: string, text: string): AgeIdentities {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0 || !lines.every((line) => IDENTITY.test(line))) {
    throw unavailable(`${file} is damaged: each of its lines must be an identity of age (AGE-SECRET-KEY-1…) or a comment. Put it back from a backup: without it nobody can open the stored keys`);
  }
  return { file, identities: lines };
}

/** What opens the encrypted file, from systemd's credentials or the identity file. Undefined when there is neither. */
export async function readIdentities({ credentialsDir, home }: Place): Promise<AgeIdentities | undefined> {
  const credential = credentialsDir === undefined ? undefined : join(credentialsDir, CREDENTIAL);
  const lent = credential === undefined ? undefined : await readCredential(credential);
  if (credential !== undefined && lent !== undefined) return identitiesOf(credential, lent);
  const own = await readPrivateFile(home.ageIdentityFile, MAX_BYTES);
  return own === undefined ? undefined : identitiesOf(home.ageIdentityFile, own);
}

/** Makes an identity of our own, as `age-keygen` would. */
export async function makeIdentity({ home }: Place, age: AgeThread): Promise<AgeIdentities> {
  const made = await age.run({ kind: 'make-identity' });
  if (made.kind !== 'identity') throw unavailable('no identity could be made for the encrypted file; try again');
  const file = home.ageIdentityFile;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writePrivateFile(file, `# created: ${new Date().toISOString()}\n# public key: ${made.recipient}\n${made.identity}\n`);
  return { file, identities: [made.identity] };
}
