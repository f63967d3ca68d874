import { isScope, isTier, type Scope, type Tier } from './caller.ts';

/** What is kept of a token that was made here. Never the token itself. */
export interface TokenRecord {
  /** The claim `jti`. */
  readonly id: string;
  readonly client: string;
  readonly scopes: readonly Scope[];
  readonly tier: Tier;
  /** Globs; empty is all. */
  readonly models: readonly string[];
  /** Globs; empty is all. */
  readonly providers: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | undefined;
}

/** A revoked id of which no record is kept: a token of an outside issuer, of a launch, or of an earlier version. */
export interface RevokedId {
  readonly id: string;
  readonly revokedAt: Date;
  /** When the token has expired for certain. */
  readonly expiresAt: Date;
}

export interface TokenRecords {
  readonly tokens: readonly TokenRecord[];
  readonly revoked: readonly RevokedId[];
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);

function dateOf(value: unknown): Date | undefined {
  const date = isText(value) ? new Date(value) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

function revokedIdOf(json: unknown): RevokedId | undefined {
  if (!isRecord(json) || !isText(json['id'])) return undefined;
  const [revokedAt, expiresAt] = [dateOf(json['revoked_at']), dateOf(json['expires_at'])];
  return revokedAt === undefined || expiresAt === undefined ? undefined : { id: json['id'], revokedAt, expiresAt };
}

function tokenOf(json: unknown): TokenRecord | undefined {
  if (!isRecord(json)) return undefined;
  const { id, client, scopes, tier, models, providers } = json;
  const [createdAt, expiresAt, revokedAt] = [dateOf(json['created_at']), dateOf(json['expires_at']), dateOf(json['revoked_at'])];
  if (!isText(id) || !isText(client) || !isText(tier) || !isTier(tier) || !isTexts(models) || !isTexts(providers)) return undefined;
  if (!isTexts(scopes) || createdAt === undefined || expiresAt === undefined) return undefined;
  // A time that cannot be read must not make a revoked token good again.
  if (json['revoked_at'] !== undefined && revokedAt === undefined) return undefined;
  return { id, client, scopes: scopes.filter(isScope), tier, models, providers, createdAt, expiresAt, revokedAt };
}

function allOf<T>(json: unknown, read: (json: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(json)) return undefined;
  const all = json.map(read).filter((value) => value !== undefined);
  return all.length === json.length ? all : undefined;
}

/** What `state/tokens.json` holds, read strictly: undefined when anything in it is not as `toJson` writes it. */
export function parseRecords(json: unknown): TokenRecords | undefined {
  if (!isRecord(json) || json['version'] !== 1) return undefined;
  const tokens = allOf(json['tokens'], tokenOf);
  const revoked = allOf(json['revoked'], revokedIdOf);
  return tokens === undefined || revoked === undefined ? undefined : { tokens, revoked };
}

/** The file's words: snake_case, times as text. */
export const toJson = ({ tokens, revoked }: TokenRecords): object => ({
  version: 1,
  tokens: tokens.map(({ createdAt, expiresAt, revokedAt, ...rest }) => ({ ...rest, created_at: createdAt, expires_at: expiresAt, revoked_at: revokedAt })),
  revoked: revoked.map(({ id, revokedAt, expiresAt }) => ({ id, revoked_at: revokedAt, expires_at: expiresAt })),
});
