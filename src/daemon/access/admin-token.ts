import type { KeyObject } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { writePrivateFile } from '../files/private-file.ts';
import { SCOPES } from './caller.ts';
import { signToken } from './token-signer.ts';

const TTL_S = 24 * 3600;
/** Rewritten at half its life: whoever reads the file always has hours left. */
const REWRITE_MS = (TTL_S / 2) * 1000;

export interface AdminToken {
  close(): Promise<void>;
}

/** Keeps `run/admin.token` good: the token with which the command line and clients of the same user call this launch. */
export async function keepAdminToken(file: string, key: KeyObject, onError: (error: unknown) => void): Promise<AdminToken> {
  const write = (): Promise<void> => {
    const { token } = signToken(key, 'launch', { client: 'admin', scopes: SCOPES, tier: 'admin', ttlS: TTL_S });
    return writePrivateFile(file, `${token}\n`);
  };
  await write();
  const timer = setInterval(() => void write().catch(onError), REWRITE_MS);
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      await rm(file, { force: true });
    },
  };
}
