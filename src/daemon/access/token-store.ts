import { Failure } from '../failure.ts';
import { openPrivateJson } from '../files/private-json.ts';
import type { Logger } from '../logger.ts';
import { MAX_TTL_S } from './token-claims.ts';
import { parseRecords, toJson, type RevokedId, type TokenRecord, type TokenRecords } from './token-records.ts';

/** The most tokens that are listed, and the most other ids that are kept as revoked. */
const MAX_RECORDS = 4000;
/** More than these can fill: a token's claims have at most 6 KiB. */
const MAX_BYTES = 32 * 1024 * 1024;
/** How much longer a revocation is kept than its token lasts: a clock that is set back must not make the token good again. */
const GRACE_MS = 86_400_000;
const SWEEP_MS = 3_600_000;

/** The tokens that were made here, and all that were revoked. */
export interface TokenStore {
  /** Those that have not expired, the newest first. */
  list(): readonly TokenRecord[];
  /** Keeps a new token's record: on the disk when this returns. Throws DAEMON_OVERLOADED when there are too many. */
  add(record: TokenRecord): Promise<void>;
  /** Ends a token, from this moment on. Returns its record, or what is kept of an id without one. On the disk when this returns. */
  revoke(id: string): Promise<TokenRecord | RevokedId>;
  isRevoked(id: string): boolean;
  close(): void;
}

const full = (what: string): Failure => new Failure('DAEMON_OVERLOADED', `${MAX_RECORDS} ${what} are kept already, and no more; wait until some have expired, and let tokens last less long`);

/**
 * Opens `state/tokens.json`. Throws a StartError for a damaged file: to go on without it would make revoked tokens good again.
 */
export async function openTokenStore(path: string, log: Logger): Promise<TokenStore> {
  const file = await openPrivateJson(path, {
    parse: parseRecords,
    maxBytes: MAX_BYTES,
    remedy:
      'It says which tokens were revoked, so it is not passed over: put back a copy. To delete it alone would make every revoked token good again until it expires. ' +
      'Without a copy, delete it and let the daemon sign with another secret, which ends all tokens made here: set TOLLGATE_JWT_SECRET to a new one and keep it set, or remove the stored one ' +
      '("@signing-secret" in the keychain; or state/keys.age, with all keys in it). Then make the tokens anew, and revoke those of outside issuers again.',
  });
  const initial: TokenRecords = file.initial ?? { tokens: [], revoked: [] };
  const tokens = new Map(initial.tokens.map((record) => [record.id, record]));
  const others = new Map(initial.revoked.map((revoked) => [revoked.id, revoked]));
  const revokedIds = new Set([...others.keys(), ...initial.tokens.filter(({ revokedAt }) => revokedAt !== undefined).map(({ id }) => id)]);

  const sweep = (): void => {
    const now = Date.now();
    for (const { id, expiresAt, revokedAt } of tokens.values()) {
      if (expiresAt.getTime() + (revokedAt === undefined ? 0 : GRACE_MS) > now) continue;
      tokens.delete(id);
      revokedIds.delete(id);
    }
    for (const { id, expiresAt } of others.values()) {
      if (expiresAt.getTime() + GRACE_MS > now) continue;
      others.delete(id);
      revokedIds.delete(id);
    }
  };
  const save = (): Promise<void> => {
    sweep();
    return file.write(() => toJson({ tokens: [...tokens.values()], revoked: [...others.values()] }));
  };

  const timer = setInterval(() => {
    const before = tokens.size + others.size;
    sweep();
    if (tokens.size + others.size < before) save().catch((error: unknown) => log.error({ err: error }, 'cannot write the list of tokens'));
  }, SWEEP_MS).unref();

  return {
    list() {
      const now = Date.now();
      return [...tokens.values()].filter(({ expiresAt }) => expiresAt.getTime() > now).toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1));
    },
    async add(record) {
      sweep();
      if (tokens.size >= MAX_RECORDS) throw full('tokens');
      tokens.set(record.id, record);
      try {
        await save();
      } catch (error) {
        tokens.delete(record.id);
        throw new Failure('INTERNAL', 'no token was made: the list of tokens cannot be written; the log of the daemon says why', { cause: error });
      }
    },
    async revoke(id) {
      sweep();
      const revokedAt = new Date();
      const record = tokens.get(id);
      if (record !== undefined && record.revokedAt === undefined) tokens.set(id, { ...record, revokedAt });
      if (record === undefined && !others.has(id)) {
        if (others.size >= MAX_RECORDS) throw full('revoked tokens of others');
        others.set(id, { id, revokedAt, expiresAt: new Date(revokedAt.getTime() + MAX_TTL_S * 1000) });
      }
      revokedIds.add(id);
      try {
        await save();
      } catch (error) {
        throw new Failure('INTERNAL', 'the token is refused from now on, but only until the daemon stops: the list of tokens cannot be written; the log says why. Try again when that is solved', { cause: error });
      }
      return tokens.get(id) ?? others.get(id) ?? { id, revokedAt, expiresAt: revokedAt };
    },
    isRevoked: (id) => revokedIds.has(id),
    close: () => clearInterval(timer),
  };
}
