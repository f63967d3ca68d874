/** What a token may allow. None implies another. */
export const SCOPES = ['generate', 'keys', 'usage:read', 'usage:admin', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** From the least to the most. */
export const TIERS = ['free', 'member', 'pro', 'premium', 'admin'] as const;
export type Tier = (typeof TIERS)[number];

/** A client's name. */
export const CLIENT_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

export const isScope = (text: string): text is Scope => SCOPES.some((scope) => scope === text);
export const isTier = (text: string): text is Tier => TIERS.some((tier) => tier === text);

/** Who calls, as its token says. */
export interface Caller {
  readonly client: string;
  /** The claim `jti`, by which the token is revoked; undefined for a caller whose token has none. */
  readonly tokenId: string | undefined;
  readonly scopes: ReadonlySet<Scope>;
  readonly tier: Tier;
  /** Milliseconds since 1970; undefined for a caller without a token. */
  readonly expiresAtMs: number | undefined;
  /** Globs over `provider/model`; undefined is all. */
  readonly models: readonly string[] | undefined;
  /** Globs over provider instances; undefined is all. */
  readonly providers: readonly string[] | undefined;
}

/** The caller of a daemon that was started with `--dev`. */
export const DEV_CALLER: Caller = { client: 'dev', tokenId: undefined, scopes: new Set(SCOPES), tier: 'admin', expiresAtMs: undefined, models: undefined, providers: undefined };
