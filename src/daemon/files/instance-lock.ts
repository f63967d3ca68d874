import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { EXIT, StartError } from '../start-error.ts';

export interface InstanceLock {
  release(): void;
}

const holderOf = (path: string): string => {
  try {
    return readFileSync(`${path}.holder`, 'utf8').trim();
  } catch {
    return 'a daemon that has just started';
  }
};

/**
 * Takes the one lock of this home. It is a transaction of SQLite, so it ends with its process, however that ends: no stale
 * lock, no race about unlinking one. Throws a StartError (75) that says who holds it.
 */
export async function takeInstanceLock(path: string): Promise<InstanceLock> {
  const { DatabaseSync } = await import('node:sqlite');
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new StartError(EXIT.ALREADY_RUNNING, `another tollgated holds this home: ${holderOf(path)}. Stop it with \`tollgate stop\`, or choose another home with TOLLGATE_HOME.`, { cause: error });
  }
  writeFileSync(`${path}.holder`, `pid ${process.pid}, since ${new Date().toISOString()}\n`, { mode: 0o600 });
  return {
    release() {
      rmSync(`${path}.holder`, { force: true });
      database.close();
    },
  };
}
