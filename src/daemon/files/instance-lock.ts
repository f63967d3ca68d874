import { rmSync } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { EXIT, StartError } from '../start-error.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

export interface InstanceLock {
  release(): void;
}

const SQLITE_BUSY = 5;
/** What SQLite opens by itself beside its file. */
const COMPANIONS = ['-journal', '-wal', '-shm'];

async function holderOf(holder: string): Promise<string> {
  const text = await readPrivateFile(holder).catch(() => undefined);
  return text?.trim() || 'a daemon that has just started';
}

/** A file that is there is not opened: closing it again would drop the lock that this very process may hold on it. */
async function createFile(path: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
    throw error;
  });
  await handle?.close();
}

/** SQLite follows links and waits for FIFOs, and the whole process with it: nothing of the kind may be in its way. */
async function clearTheWay(path: string): Promise<void> {
  await createFile(path);
  for (const file of [path, ...COMPANIONS.map((suffix) => `${path}${suffix}`)]) {
    const stats = await lstat(file).catch(() => undefined);
    if (stats !== undefined && !stats.isFile()) throw new StartError(EXIT.DAMAGED, `${file} is not a file (a symbolic link is not followed). Remove it and start again.`);
  }
}

const isBusy = (error: unknown): boolean => error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === SQLITE_BUSY;

async function refusal(error: unknown, path: string, holder: string): Promise<StartError> {
  if (isBusy(error)) return new StartError(EXIT.ALREADY_RUNNING, `another tollgated holds this home: ${await holderOf(holder)}. Stop it with \`tollgate stop\`, or choose another home with TOLLGATE_HOME.`, { cause: error });
  const cause = error instanceof Error ? error.message : String(error);
  return new StartError(EXIT.DAMAGED, `${path} cannot be locked: ${cause}. Make sure that the disk is not full and can be written to; else delete '${path}', which holds nothing of worth, and start again.`, { cause: error });
}

/**
 * Takes the one lock of this home. It is a transaction of SQLite, so it ends with its process, however that ends: no stale
 * lock, no race about unlinking one. Throws a StartError: 75 that says who holds it, 78 when the file cannot be locked.
 */
export async function takeInstanceLock(path: string): Promise<InstanceLock> {
  const sqlite = await import('node:sqlite');
  const holder = `${path}.holder`;
  await clearTheWay(path);
  let database: DatabaseSync | undefined;
  try {
    database = new sqlite.DatabaseSync(path);
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    throw await refusal(error, path, holder);
  }
  const held = database;
  try {
    await writePrivateFile(holder, `pid ${process.pid}, since ${new Date().toISOString()}\n`);
  } catch (error) {
    held.close();
    throw error;
  }
  return {
    release() {
      rmSync(holder, { force: true });
      held.close();
    },
  };
}
